"""Tables on terminals of any width: columns that do not fit are left out and named, and no figure is cut short."""

import io
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

import penultimate as pen
from penultimate.report.advice.table import effects, losses
from penultimate.report.audit.table import class_table as audited_classes
from penultimate.report.audit.table import directions
from penultimate.report.forecast.table import worst
from penultimate.report.head_audit.table import class_table as rows_of_head
from penultimate.report.head_comparison.table import heads
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.terminal import LOOK


def printed(table, width):
    out = io.StringIO()
    Console(width=width, file=out).print(table)
    return out.getvalue()


def numbers(columns=("a", "b", "c", "d")):
    table = Table(**LOOK)
    for heading in columns:
        table.add_column(heading, justify="right")
    for row in range(3):
        table.add_row(*(f"{place}{row}.1234567" for place in range(len(columns))), style="bold" if row else "")
    return table


@given(st.integers(12, 70))
def test_columns_go_in_the_order_given_until_the_rest_fits(width):
    text = printed(Fitted(numbers(), "c", "a", "d"), width)
    # Each column is ten wide, with two between, and one before and after all.
    left = ["c", "a", "d"][: 4 - min(width // 12, 4)]
    for heading, place in zip("abcd", range(4), strict=True):
        assert (f"{place}1.1234567" in text) == (heading not in left)
    named = " ".join(text.split()).partition("no room for: ")[2]
    assert named.replace(" ", "") == ",".join(left)


def test_a_table_with_room_is_printed_as_it_is():
    assert printed(Fitted(numbers(), "a"), 100) == printed(numbers(), 100)


def test_rows_keep_their_styles_and_headings_their_words():
    table = numbers(("two\nlines", "b"))
    out = io.StringIO()
    Console(width=14, file=out, force_terminal=True).print(Fitted(table, "two\nlines"))
    assert "\x1b[1m" in out.getvalue() and "two lines" in out.getvalue()


def test_long_class_names_go_on_in_the_next_line_and_push_no_figure_out():
    names = [f"a class whose name tells a whole story, number {place}" for place in range(4)]
    fitted = worst(pen.forecast(pen.ClassCounts([900, 90, 9, 1], names), 1e-2, feature_ratio=1.0), 20)
    text = printed(fitted, 130)
    assert "no room" not in text and "…" not in text and "story" in text


@cache
def tables():
    counts = pen.datasets.counts("fashion-mnist-lt")
    batch = next(pen.datasets.features("cnn-ce-test").batches())
    comparison = pen.compare_heads("cnn-ce", pen.ArraySource(batch.features[:300], batch.labels[:300]))
    margins, advice = (
        pen.advise(counts, 5e-3, loss="ce", goal=goal, feature_ratio=1.0) for goal in ("margins", "consistent")
    )
    audit = pen.audit("cnn-mse")
    return {
        "heads": heads(comparison),
        "losses by margins": losses(margins),
        "consistent losses": losses(advice),
        "before and after": effects(margins),
        "forecast": worst(pen.forecast(counts, 1e-2, feature_ratio=1.0), 20),
        "classes": audited_classes(audit, 20),
        "directions": directions(audit, audit.last_layer),
        "head": rows_of_head(pen.audit_head(pen.datasets.features("cnn-mse").head, counts=counts), 20),
        "many classes": worst(pen.forecast(pen.datasets.counts("lvis"), 1e-2, feature_ratio=1.0), 20),
    }


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("name", ["heads", "losses by margins", "consistent losses", "before and after", "forecast",
                                  "classes", "directions", "head", "many classes"])  # fmt: skip
def test_no_figure_is_cut_on_a_terminal_of_usual_width(name, width):
    fitted = tables()[name]
    text = printed(fitted, width)
    assert max(map(len, text.splitlines())) <= width
    left = " ".join(text.split()).partition("no room for: ")[2].split(", ")
    shown = [column for column in fitted.table.columns if " ".join(str(column.header).split()) not in left]
    assert len(shown) >= 4
    words = text.split("no room for")[0]
    for column in shown:
        for cell in column.cells:
            # Names may go on in the next line; figures stay whole. An interval has its own "…".
            assert column.overflow == "fold" or str(cell) in words, (column.header, cell)
    assert np.unique([str(column.header) for column in fitted.table.columns]).size == len(fitted.table.columns)
