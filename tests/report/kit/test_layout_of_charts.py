"""Rows of two charts have no empty place."""

from hypothesis import given
from hypothesis import strategies as st

from penultimate.report.kit.chart_style import AnyChart
from penultimate.report.kit.html import Figure, laid_out


def never() -> AnyChart:
    raise AssertionError("a chart is placed before it is drawn")


@given(st.lists(st.booleans(), max_size=12))
def test_every_row_is_full_and_only_what_has_no_neighbour_is_alone(wide):
    figures = [Figure(str(place), "", "", one, never) for place, one in enumerate(wide)]
    placed = laid_out(figures)
    assert [figure for figure, _ in placed] == figures
    column = 0
    for place, (figure, how) in enumerate(placed):
        assert (how == "wide") == figure.wide
        if how == "half":
            column = 1 - column
            continue
        assert column == 0, "beside the chart before it is an empty place"
        if how == "alone":
            assert place + 1 == len(placed) or placed[place + 1][0].wide
    assert column == 0


def test_charts_without_a_neighbour_come_last_or_before_a_wide_one():
    kinds = (False, False, True, False, True, False, False, False)
    figures = [Figure(str(place), "", "", one, never) for place, one in enumerate(kinds)]
    expected = ["half", "half", "wide", "alone", "wide", "half", "half", "alone"]
    assert [how for _, how in laid_out(figures)] == expected
