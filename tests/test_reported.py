"""One surface for all results."""

import copy
import importlib
import inspect
import json
import pickle
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from rich.console import Console

import penultimate as pen
from penultimate.report.kit.figures import figures
from penultimate.report.kit.frame import columns
from penultimate.reported import OneLine, Reported
from scans_planted import planted

COUNTS = pen.ClassCounts({"cat": 600, "dog": 300, "newt": 12, "axolotl": 9})
LABEL_SETS = [["cat", "pet"]] * 60 + [["dog", "pet"]] * 30 + [["newt"]] * 4 + [[]] * 6
AUDITED = (np.random.default_rng(0).random((300, 4)) < [0.5, 0.3, 0.2, 0.6]).astype(float)
MIXED = np.random.default_rng(0).dirichlet([1, 2, 0.5], size=300)
LABELLED = np.random.default_rng(0).beta(1, [2, 5, 30], size=(300, 3))


def labelled_halves():
    rows = np.random.default_rng(0).normal(size=(300, 3))
    sets = [
        [name for name, on in zip(("cat", "dog", "newt"), row > [0.0, 0.5, 1.2], strict=True) if on] for row in rows
    ]
    return (rows[:200], sets[:200]), (rows[200:], sets[200:])


RESULTS = {
    "forecast": lambda: pen.forecast(COUNTS, 0.12),
    "label_forecast": lambda: pen.forecast(pen.LabelScatter.from_labels(LABEL_SETS), 0.12),
    "narrow_forecast": lambda: pen.forecast(COUNTS, 0.12, loss="ce", width=2, features="free", feature_ratio=1),
    "comparison": lambda: pen.compare_losses(COUNTS, ["ce", "la:1"], 5e-2),
    "audit": lambda: pen.audit("cnn-mse"),
    "label_audit": lambda: pen.audit_label_sets(
        AUDITED @ np.ones((4, 3)), AUDITED, names=["cat", "dog", "newt", "pet"]
    ),
    "head_audit": lambda: pen.audit_head("cnn-mse", pen.datasets.counts("fashion-mnist-lt")),
    "row_audit": lambda: pen.audit_head(pen.Head((planted()[0],)), 1e6 / np.arange(1, 601)),
    "head_comparison": lambda: pen.compare_heads("cnn-mse"),
    "label_head_comparison": lambda: pen.compare_label_heads(*labelled_halves()),
    "advice": lambda: pen.advise(COUNTS, 0.12),
    "label_advice": lambda: pen.advise(pen.LabelScatter.from_labels(LABEL_SETS), 0.12),
    "learning_curve": lambda: pen.learning_curve("cnn-ce-test", of=6, counts=[1500, 3000], weight_decay=5e-3),
    "drift": lambda: pen.drift("cnn-ce", "cnn-ce-test"),
    "scan": lambda: pen.scan(planted()[0]),
    "class_shares": lambda: pen.class_shares(
        MIXED, trained_on={"cat": 5, "dog": 3, "newt": 2}, names=["cat", "dog", "newt"]
    ),
    "thresholds": lambda: pen.expected_f_thresholds(LABELLED, names=["cat", "dog", "newt"]),
}
PARTS = {
    "record": ("record",),
    "words": ("verdict", "paragraphs"),
    "table": ("table",),
    "charts": ("charts",),
    "page": ("page", "summary"),
}
EXTRA = ("altair", "jinja2", "vl_convert")


@cache
def result(name):
    return RESULTS[name]()


def printed(table):
    console = Console(width=200)
    with console.capture() as text:
        console.print(table)
    return text.get()


def classes_in(name, record):
    return record["samples"]["too_small"] if name == "advice" else record.get("classes", record.get("labels", []))


def names_in(found):
    described = getattr(found, "counts", None) or getattr(found, "targets", None) or found
    return list(described.names)


def test_every_kind_of_result_is_tried_here():
    assert {type(result(name)) for name in RESULTS} == set(Reported.__subclasses__())


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("part", PARTS)
def test_every_presenter_has_the_same_shape(name, part):
    module = importlib.import_module(f"penultimate.report.{name}.{part}")
    for function in PARTS[part]:
        parameters = list(inspect.signature(getattr(module, function)).parameters.values())
        assert len(parameters) == (2 if part in ("record", "table") else 1)
        assert [p.name for p in parameters[1:]] == ["classes"] * (len(parameters) - 1)


@pytest.mark.parametrize("name", RESULTS)
def test_says_writes_and_draws_the_same_things(name, tmp_path):
    found = result(name)
    assert str(found) == found.verdict and found.verdict == found.to_dict()["verdict"]
    assert "\n" not in repr(found) and len(repr(found)) < 120 and type(found).__name__ in repr(found)
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert figures(found.to_dict())
    assert " ".join(found.verdict.split())[:60] in " ".join(printed(found.table()).split())
    found.report(tmp_path / "page.html")
    assert "</html>" in (tmp_path / "page.html").read_text()
    assert found._repr_html_().startswith("<table>")
    for chart in found.charts:
        assert found.plot(chart).to_dict()


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_kept_sent_and_looked_up_like_any_object(name):
    found = result(name)
    sent = pickle.loads(pickle.dumps(found))
    assert sent.verdict == found.verdict == copy.deepcopy(found).verdict
    # Each is itself alone: whether arrays are equal has no one answer, and comparing records has.
    assert found == found and found != sent and found in [sent, found] and len({found, sent}) == 2


# Charts that a reader moves, which paper does not.
MOVED = ("slider", "geometry")


@pytest.mark.parametrize("name", RESULTS)
def test_every_chart_is_drawn_for_a_paper_as_well(name):
    found = result(name)
    for chart in (found.plot(chart) for chart in found.charts if chart not in MOVED):
        axes = pen.figure(chart).axes
        assert any(one.lines or one.collections or one.patches for one in axes)


@pytest.mark.parametrize("name", sorted(RESULTS.keys() - {"scan"}))  # which lists rows by group
@pytest.mark.parametrize("classes", [0, 1, 2, np.int64(2), "all", "none"])
def test_classes_are_chosen_alike(name, classes):
    found = result(name)
    record, most = found.to_dict(classes), len(names_in(found))
    limit = {"all": most, "none": 0}.get(classes, classes) if isinstance(classes, str) else int(classes)
    listed = classes_in(name, record)
    assert len(listed) == (0 if name == "head_comparison" else min(limit, 2) if name == "advice" else limit)
    assert "verdict" in record and printed(found.table(classes))
    if classes == "all" and name not in ("advice", "head_comparison"):
        assert [row.get("class", row.get("label")) for row in listed] == names_in(found)


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("classes", [True, False, -1, 1.5, "some", "3", None.__class__, [2]])
def test_any_other_choice_of_classes_is_one_error(name, classes):
    with pytest.raises(pen.ProblemError, match="give how many to list, or 'all', or 'none'"):
        result(name).to_dict(classes)
    with pytest.raises(pen.ProblemError, match="give how many to list, or 'all', or 'none'"):
        result(name).table(classes)


@pytest.mark.parametrize("name", RESULTS)
def test_an_unknown_chart_is_one_error_that_lists_those_there_are(name):
    found = result(name)
    with pytest.raises(pen.ProblemError, match="no chart 'pie' of this") as caught:
        found.plot("pie")
    assert all(chart in str(caught.value) for chart in found.charts)


@pytest.mark.parametrize("name", RESULTS)
def test_without_the_extra_all_but_charts_and_pages_works(name, monkeypatch, tmp_path):
    found = result(name)
    for library in EXTRA:
        monkeypatch.setitem(sys.modules, library, None)
    assert found.verdict and found.to_dict() and printed(found.table()) and repr(found)
    assert found._repr_html_() is None
    extra = r"penultimate\[report\]"
    for draw in (lambda: found.plot("counts"), lambda: found.charts, lambda: found.report(tmp_path / "page.html")):
        with pytest.raises(pen.MissingDependencyError, match=extra):
            draw()
    assert list(tmp_path.iterdir()) == []


def test_commands_need_no_libraries_of_the_extra(tmp_path):
    """In a process of its own, because here they are imported already."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({EXTRA!r})); from penultimate.cli import main; main()"
    command = [sys.executable, "-c", hidden, "forecast", "fashion-mnist-lt", "--classes", "2"]
    done = subprocess.run([*command, "--json", "-"], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["classes"]) == 2 and done.stderr == ""
    assert "classes keep" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    page = subprocess.run([*command, "--html", str(tmp_path / "x.html")], capture_output=True, text=True)
    assert page.returncode == 2 and "pip install 'penultimate[report]'" in page.stderr


def test_json_loads_nothing_that_only_pages_need():
    script = (
        "import sys, penultimate as pen; pen.forecast(pen.ClassCounts([60, 6])).to_dict();"
        "print([name for name in sys.modules if name.split('.')[0] in ('altair', 'jinja2', 'vl_convert', 'rich')])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_record_is_one_line_however_large_its_arrays():
    timeline = pen.forecast(COUNTS, 1e-3, feature_ratio=1.0).timeline(lr=0.1, steps=500)
    assert isinstance(timeline, OneLine)
    assert "\n" not in repr(timeline) and len(repr(timeline)) < 400 and "float64[" in repr(timeline)


def test_a_scan_lists_so_many_rows_of_each_group():
    sizes = {classes: len(result("scan").to_dict(classes)["groups"][0]["rows"]) for classes in (0, 2, "none", "all")}
    assert sizes == {0: 0, 2: 2, "none": 0, "all": result("scan").groups[0].rows.size}


# Results about heads, losses or a network as a whole.
WITHOUT_CLASSES = {"head_comparison", "advice"}


@pytest.mark.parametrize("name", sorted(set(RESULTS) - WITHOUT_CLASSES))
def test_a_frame_has_the_rows_and_numbers_of_the_record(name):
    record = result(name).to_dict("all")
    rows = next(record[key] for key in ("classes", "labels", "groups") if key in record)
    held = result(name).to_frame(backend="pyarrow").to_pylist()
    assert len(held) == len(rows) > 0
    for row, kept in zip(held, rows, strict=True):
        for key, value in kept.items():
            if key.endswith("interval"):
                assert [row[f"{key}_low"], row[f"{key}_high"]] == (value or [None, None])
            elif not isinstance(value, dict):
                assert row[key] == value


@pytest.mark.parametrize("name", sorted(set(RESULTS) - WITHOUT_CLASSES))
@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_every_library_takes_every_frame(name, backend):
    pytest.importorskip(backend, reason=f"pip install {backend}")
    found = result(name).to_frame(backend=backend)
    assert list(found.columns) == result(name).to_frame(backend="pyarrow").column_names and len(found)


def test_a_column_holds_whole_numbers_or_others_and_not_both():
    table = columns({"classes": [{"count": 3, "name": "a"}, {"count": 2.5, "name": "b"}, {"count": None, "name": "c"}]})
    assert [type(value) for value in table["count"]] == [float, float, type(None)]
    assert columns({"classes": [{"count": 3}, {"count": None}]})["count"] == [3, None]


def test_a_frame_that_cannot_be_made_is_refused(monkeypatch):
    with pytest.raises(pen.ProblemError, match="lists no classes"):
        result("advice").to_frame(backend="pyarrow")
    with pytest.raises(pen.ProblemError, match="lists no classes"):
        columns({"labels": {"status": "act"}})  # as advice has it that was given held-out features
    with pytest.raises(pen.ProblemError, match="polars"):
        result("audit").to_frame(backend="excel")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(pen.MissingDependencyError, match="pip install polars"):
        result("audit").to_frame(backend="polars")
