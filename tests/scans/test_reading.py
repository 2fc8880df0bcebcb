"""Scans of files: which layer, which names, what is refused."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import penultimate as pen
from penultimate.scans.reading import read_names
from scans_planted import planted

TOKENIZER = {
    "model": {"vocab": {f"tok{i}": i for i in range(590) if i != 5}},
    "added_tokens": [{"id": 595, "content": "<end>"}],
}


@pytest.fixture
def model(tmp_path):
    rows, which = planted()
    save_file(
        {"body.weight": np.ones((7, 48), np.float32), "lm_head.weight": rows.astype(np.float32)},
        tmp_path / "model.safetensors",
    )
    return tmp_path / "model.safetensors", which


def test_a_checkpoint_is_scanned_with_the_names_of_its_tokenizer(model):
    path, which = model
    (path.parent / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    found = pen.scan(path)
    np.testing.assert_array_equal(found.untrained, which)
    assert "lm_head.weight" in found.source
    assert [found.name(row) for row in (0, 5, 595, 599)] == ["tok0", "(no token 5)", "<end>", "(row 599, no name)"]


def test_the_command_prints_and_writes(model, tmp_path, penultimate):
    path, which = model
    names = tmp_path / "names.txt"
    names.write_text("".join(f"class {i}\n" for i in range(600)))
    status, out, err = penultimate("scan", str(path), "--names", str(names), "--json", "-")
    record = json.loads(out)
    assert (status, err) == (0, "")
    assert record["groups"][0]["rows"] == pen.scan(path).groups[0].rows.tolist()
    assert set(record["groups"][0]["names"]) == {f"class {i}" for i in which}
    assert record["head"]["classes"] == 600 and record["damaged"] == {"rows": [], "names": []}
    status, out, _ = penultimate("scan", str(path), "--html", str(tmp_path / "scan.html"))
    assert status == 0 and "Training never showed these classes, or hardly ever" in " ".join(out.split())
    assert "40 of 600 classes" in out and (tmp_path / "scan.html").stat().st_size > 100_000


def test_damaged_rows_of_a_file_are_left_out(tmp_path):
    rows, which = planted()
    rows[which[0], 0] = np.nan
    np.savez(tmp_path / "head.npz", W=rows)
    found = pen.scan(tmp_path / "head.npz")
    assert found.damaged.tolist() == [which[0]]
    assert "One row holds NaN or infinity and was left out." in found.verdict


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("a\nb b\nc\n", ("a", "b b", "c")),
        ('["x", "y"]', ("x", "y")),
        ('{"model": {"vocab": [["x", 0.1], ["y", 0]]}}', "xy"),
    ],
)
def test_names_in_three_forms(tmp_path, content, names):
    path = tmp_path / ("names.txt" if content[0] == "a" else "names.json")
    path.write_text(content)
    assert read_names(path) == tuple(names)


@pytest.mark.parametrize(
    "content", ["{", "3", '{"model": {}}', "[1, 2]", '{"model": {"vocab": {"a": "b"}}}', "[" * 100_000]
)
def test_what_holds_no_names_is_refused(tmp_path, content):
    path = tmp_path / "names.json"
    path.write_text(content)
    with pytest.raises(pen.FileError, match="one name a line"):
        read_names(path)


def test_names_that_are_too_many_and_pickles_are_refused(model, tmp_path):
    with pytest.raises(pen.FeaturesError, match="601 names for 600 rows"):
        pen.scan(model[0], names=[str(i) for i in range(601)])
    (tmp_path / "model.pt").write_bytes(b"\x80\x04")
    with pytest.raises(pen.PenultimateError):
        pen.scan(tmp_path / "model.pt")
