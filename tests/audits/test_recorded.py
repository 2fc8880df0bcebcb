"""The JSON of an audit that was changed by hand or damaged is refused in words, whatever stands where."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from penultimate.audits.calibration import Calibration

GOOD = {
    "weight_decay": [5e-4],
    "samples": 100.0,
    "bias": "free",
    "loss": "mse",
    "feature_decay_by_norms": 1e-7,
    "feature_decay_by_strengths": [1e-8, 2e-8, 3e-8],
    "directions": 4,
    "doubts": ["a word"],
}
COUNTS = pen.ClassCounts([60, 30, 10])


def written(tmp_path, text):
    path = tmp_path / "audit.json"
    path.write_text(text if isinstance(text, str) else json.dumps({"calibration": text}))
    return path


def test_what_was_written_is_read(tmp_path):
    assert Calibration.read(written(tmp_path, GOOD)).to_dict() == GOOD
    for bias in ("none", 0.5):
        assert Calibration.read(written(tmp_path, GOOD | {"bias": bias})).bias == bias


@pytest.mark.parametrize(
    "change",
    [
        {"weight_decay": "12"},
        {"weight_decay": []},
        {"weight_decay": [-1]},
        {"weight_decay": [True]},
        {"weight_decay": [10**400]},
        {"weight_decay": None},
        {"samples": 0},
        {"samples": "100"},
        {"samples": float("nan")},
        {"bias": {}},
        {"bias": True},
        {"bias": "maybe"},
        {"loss": 3},
        {"feature_decay_by_norms": float("inf")},
        {"feature_decay_by_strengths": "123"},
        {"feature_decay_by_strengths": [1e-8, 1e-8]},
        {"feature_decay_by_strengths": [3e-8, 2e-8, 1e-8]},
        {"directions": 0.5},
        {"directions": -1},
    ],
    ids=str,
)
def test_fields_of_another_type(tmp_path, change):
    with pytest.raises(pen.FileError, match="damaged"):
        Calibration.read(written(tmp_path, GOOD | change))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_an_encoding_and_compression_are_undone(tmp_path, encoding):
    # What PowerShell writes where `--json -` is sent to a file, and what gzip makes of it.
    path, packed = tmp_path / "audit.json", tmp_path / "audit.json.gz"
    path.write_text(json.dumps({"calibration": GOOD}), encoding=encoding)
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for one in (path, packed):
        assert Calibration.read(one).to_dict() == GOOD


@pytest.mark.parametrize(
    ("version", "message"), [("9.1.0", "later than this"), (None, "no version"), ("old", "no version")]
)
def test_a_record_of_a_later_version_is_refused_by_whoever_reads_it(tmp_path, version, message):
    record = pen.audit("cnn-mse-test").to_dict("all") | {"penultimate": version}
    path = written(tmp_path, json.dumps(record))
    for read in (
        Calibration.read,
        lambda path: pen.advise("fashion-mnist-lt", audit=path),
        lambda path: pen.advise("fashion-mnist-lt", drift=path),
        lambda path: pen.check(path, min_recall=0.5),
    ):
        with pytest.raises(pen.FileError, match=message) as raised:
            read(path)
        assert str(raised.value).startswith(f"{path}: ")


def test_a_loss_without_a_name_is_refused_with_the_path(tmp_path):
    path = written(tmp_path, GOOD | {"loss": "my own"})
    with pytest.raises(pen.FileError, match="the loss 'my own' has no name") as raised:
        Calibration.read(path)
    assert str(raised.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.reverse(), "not in order"),
        (lambda rows: rows.insert(0, rows[0]), "not in order"),
        (lambda rows: rows[0].update(multiplicity=10**308), "more than any layer has"),
    ],
)
def test_directions_that_no_audit_lists(tmp_path, change, message):
    record = pen.audit("cnn-mse").to_dict()
    change(record["alignment"]["directions"])
    with pytest.raises(pen.FileError, match=message):
        Calibration.read(written(tmp_path, json.dumps(record)))


@pytest.mark.parametrize(
    "text", ['{"calibration":' + "[" * 200_000, "[" * 200_000, '{"calibration": []}', "\ufeff{}", "1"]
)
def test_files_of_another_shape(tmp_path, text):
    for read in (Calibration.read, lambda path: pen.advise(COUNTS, audit=path)):
        with pytest.raises(pen.FileError):
            read(written(tmp_path, text))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(GOOD)), values)
def test_any_value_in_any_field(tmp_path_factory, key, value):
    path = written(tmp_path_factory.getbasetemp(), GOOD | {key: value})
    try:
        Calibration.read(path).forecast(COUNTS)
    except pen.PenultimateError as error:
        assert str(error)
