"""What the page shows is what the library says; what is set, uploaded or linked to is understood or refused."""

import csv
import gzip
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.app import views
from penultimate.app.reproduction import COUNTS_FILE, command, python
from penultimate.app.settings import MOST_CLASSES, Settings
from penultimate.app.uploads import as_text, read_counts
from penultimate.report.kit.numbers import number

TAIL = {"source": "profile", "classes": "20", "largest": "600", "ratio": "100", "weight_decay": "0.01"}
TYPED = {"source": "text", "text": "class,count\ncat,600\ndog,300\nnewt,12\naxolotl,9\n", "weight_decay": "0.02"}
CASES = {
    "bundled": Settings.given({"bundled": "fashion-mnist-lt", "weight_decay": "0.02", "layers": "2", "width": "8"}),
    "profile": Settings.given({**TAIL, "classes": "4", "loss": "ce", "networks": "perceptron", "bias": "none"}),
    "typed": Settings.given({**TYPED, "networks": "ratio", "feature_ratio": "0.5", "bias": "1e-3"}),
    "losses": Settings.given({**TAIL, "view": "losses", "losses": "mse, ce,la:1"}),
    "advice": Settings.given({**TYPED, "view": "advice"}),
}


def test_settings_become_the_forecast_of_the_library():
    counts = pen.ClassCounts.long_tailed(4, 600, 100)
    given_by_hand = pen.forecast(counts, 0.01, loss="ce", like="perceptron", bias="none")
    assert views.result(CASES["profile"]).to_dict() == given_by_hand.to_dict()


@pytest.mark.parametrize("case", CASES)
def test_the_python_lines_give_the_same(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / COUNTS_FILE).write_text(views.save(CASES[case], "counts"))
    found: dict = {}
    exec(python(CASES[case]).replace("print", "str"), found)
    assert found["result"].verdict == views.result(CASES[case]).verdict
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_the_python_lines_lose_no_digit():
    lines = python(Settings.given({**TAIL, "largest": "1234567", "ratio": "1234.5678"}))
    assert "long_tailed(20, 1234567, 1234.5678, 'exponential')" in lines


@pytest.mark.parametrize("case", CASES)
def test_the_command_gives_the_same(case, tmp_path, monkeypatch, penultimate):
    monkeypatch.chdir(tmp_path)
    (tmp_path / COUNTS_FILE).write_text(views.save(CASES[case], "counts"))
    first, *words = command(CASES[case]).split(" --html ")[0].replace("'", "").split(" ")
    status, out, err = penultimate(*words, "--json", "-")
    assert first == "penultimate" and status == 0, err
    assert json.loads(out)["verdict"] == views.result(CASES[case]).verdict


@pytest.mark.parametrize("case", CASES)
def test_a_view_has_the_report_and_the_charts_that_are_asked_for(case):
    result = views.result(CASES[case])
    first, *_ = result.charts
    shown = json.loads(views.view(CASES[case], (first, "no-such-chart")))
    assert list(shown["charts"]) == [first]
    assert all(f'id="chart-{name}"' in shown["html"] for name in result.charts)
    assert "<script" not in shown["html"]


def test_a_draft_says_the_survival_line_of_the_library():
    settings_ = Settings.given({**TAIL, "classes": "100", "loss": "weighted:inverse", "weight_decay": "0.01"})
    words = views.first_words(settings_)
    forecast = views.result(settings_)
    assert f"{forecast.classes_below} of 100 have no more" in words
    assert all(f" {number(end, 3)} " in words for end in forecast.group_samples_needed[[0, -1]])


@pytest.mark.parametrize("values", [{}, {"loss": "ce", "layers": "2"}, {"view": "losses"}, {"networks": "audited"}])
def test_no_draft_is_made_where_the_answer_comes_at_once_or_no_closed_form_is_known(values):
    assert views.first_words(Settings.given({**TAIL, "classes": "100", **values})) == ""


def test_the_view_at_the_start_is_made_ready():
    views.warm()
    before = views.result.cache_info().hits
    views.view(Settings(), ())
    assert views.result.cache_info().hits > before or views._document.cache_info().hits


def test_what_is_kept_is_what_the_command_writes():
    settings_, result = CASES["typed"], views.result(CASES["typed"])
    assert json.loads(views.save(settings_, "json")) == result.to_dict("all")
    rows = list(csv.DictReader(io.StringIO(views.save(settings_, "classes"))))
    assert [(row["class"], row["status"]) for row in rows] == list(zip(result.counts.names, result.status, strict=True))
    assert views.save(settings_, "html").startswith("<!DOCTYPE html>")
    compared = list(csv.DictReader(io.StringIO(views.save(CASES["losses"], "classes"))))
    assert len(compared) == 20 and list(compared[0]) == list(
        views.result(CASES["losses"]).to_frame(backend="pyarrow").column_names
    )


@pytest.mark.parametrize(
    ("view", "kind", "message"), [("advice", "classes", "no table of classes"), ("typed", "exe", "choose json")]
)
def test_what_cannot_be_kept_says_so(view, kind, message):
    with pytest.raises(pen.PenultimateError, match=message):
        views.save(CASES[view], kind)


@settings(max_examples=15)
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.floats(1e-3, 1e9), min_size=2, max_size=6))
def test_counts_as_text_are_read_as_they_were(counts):
    try:
        before = pen.ClassCounts(counts)
    except pen.CountsError:
        return
    after = read_counts("counts", as_text(before).encode())
    assert list(after.names) == list(before.names) and np.array_equal(after.values, before.values)


def test_a_file_is_read_as_the_commands_read_it(tmp_path):
    labels = np.repeat([0, 1, 2], [50, 20, 3])
    np.save(tmp_path / "labels.npy", labels)
    found = json.loads(views.upload("labels.npy", (tmp_path / "labels.npy").read_bytes(), "labels"))
    assert found["text"] == '{\n"0": 50,\n"1": 20,\n"2": 3\n}'
    packed = gzip.compress(b"class,count\ncat,600\ndog,3\n")
    assert read_counts("../../etc/train.csv.gz", packed).names == ("cat", "dog")


def pickled() -> bytes:
    """An array of objects: what only unpickling would open, and calls a function when it is."""
    text = io.BytesIO()
    np.save(text, np.array([print, "pwned"], dtype=object), allow_pickle=True)
    return text.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b""),
        ("a.csv", b"\0\1\2\3" * 50),
        ("a.npy", b"\x93NUMPY\x01\x00"),
        ("a.npy", pickled()),
        ("a.json", b"[" * 100_000),
        ("a.parquet", b"PAR1 and nothing more"),
        ("a.csv.gz", b"\x1f\x8b\x08 cut short"),
        ("a.exe", b"MZ"),
        ("a.csv", b"class,count\ncat,-3\ndog,4\n"),
        ("a.csv", b"class,count\ncat,3\n"),
        ("x" * 5000 + ".csv", b"\xff\xfe\xff"),
        ("a\0b/../c.csv", b"class,count\ncat,nan\ndog,3\n"),
    ],
)
def test_a_bad_file_is_refused_by_the_name_that_the_user_knows(name, data, capsys):
    with pytest.raises(pen.PenultimateError) as refused:
        views.upload(name, data, "")
    assert name in str(refused.value) and "/tmp" not in str(refused.value).replace(name, "")
    assert "pwned" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"no_such": "1"}, "no setting 'no_such'"),
        ({"layers": 2}, "is no text"),
        ({"view": "all"}, "no view 'all'"),
        ({"source": "web"}, "choose one of bundled, profile, text"),
        ({"bundled": "../../etc/passwd"}, "no bundled data set"),
        ({"source": "text"}, "no counts yet"),
        ({**TAIL, "classes": "1e3"}, "whole number"),
        ({**TAIL, "classes": "9" * 30}, "whole number"),
        ({**TAIL, "classes": f"{MOST_CLASSES + 1}"}, "more than the"),
        ({**TAIL, "profile": "flat"}, "the profile is 'flat'"),
        ({**TAIL, "largest": "nan"}, "the largest count is 'nan'"),
        ({**TAIL, "ratio": "1e9"}, "less than one sample"),
        ({"weight_decay": "-1"}, "must be positive"),
        ({"weight_decay": "much"}, "the weight decay is 'much'"),
        ({"loss": "cd"}, "'cd'"),
        ({"layers": "0"}, "layers"),
        ({"width": "0"}, "width"),
        ({"bias": "some"}, "the bias"),
        ({"networks": "brain"}, "no networks of kind 'brain'"),
        ({"view": "losses", "losses": " , "}, "nothing to compare"),
    ],
)
def test_what_cannot_be_is_refused_in_words(values, message):
    with pytest.raises(pen.PenultimateError, match=message):
        views.view(Settings.given(values), ())
