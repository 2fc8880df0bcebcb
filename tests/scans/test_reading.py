"""Scans of files: which layer, which names, what is refused."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import penultimate as pen
from penultimate.scans.naming import read_names
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


def test_all_layers_are_scanned_one_after_another(tmp_path, penultimate):
    rows, which = planted()
    arrays = {
        "embed_tokens.weight": rows,
        "lm_head.weight": rows[::-1].copy(),
        "layers.0.mlp.weight": rows[:70],
        "ids": np.zeros((3, 4), np.int64),
    }
    np.savez(tmp_path / "m.npz", **arrays)
    status, out, _ = penultimate("scan", str(tmp_path / "m.npz"), "--all-layers", "--json", "-")
    head, embedding = json.loads(out)
    assert status == 0 and "lm_head" in head["head"]["name"] and "embed_tokens" in embedding["head"]["name"]
    assert sorted(embedding["groups"][0]["rows"]) == which.tolist() and embedding["head"]["tied"]
    status, out, _ = penultimate("scan", str(tmp_path / "m.npz"), "--all-layers")
    assert status == 0 and out.count("40 of 600 classes") == 2
    status, _, err = penultimate("scan", str(tmp_path / "m.npz"), "--all-layers", "--key", "x")
    assert status == 2 and "--all-layers goes without" in err


def test_without_a_head_the_embedding_is_scanned_and_said_to_be_one(tmp_path):
    rows, which = planted()
    np.savez(tmp_path / "m.npz", **{"wte.weight": rows, "wpe.weight": rows[:80], "h.0.mlp.weight": rows[:90]})
    found = pen.scan(tmp_path / "m.npz")
    np.testing.assert_array_equal(found.untrained, which)
    assert found.tied and "the embedding, to which a head may be tied" in found.source
    assert "also an embedding of inputs" in found.verdict


def test_a_file_without_a_head_says_what_was_looked_at(tmp_path):
    np.savez(tmp_path / "m.npz", **{"h.0.mlp.weight": np.ones((4, 3)), "h.1.mlp.weight": np.ones((5, 3))})
    with pytest.raises(pen.FeaturesError, match=r"the matrices are h\.0\.mlp\.weight \(4 × 3\), h\.1"):
        pen.scan(tmp_path / "m.npz")


def test_a_matrix_alone_is_scanned(tmp_path):
    rows, which = planted()
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "other.npy", rows[:5])
    np.testing.assert_array_equal(pen.scan(tmp_path / "rows.npy").untrained, which)


def test_names_of_classes_come_from_the_configuration(model):
    path, _ = model
    named = {"id2label": {str(i): f"kind {i}" for i in range(600)}}
    (path.parent / "config.json").write_text(json.dumps(named))
    assert pen.scan(path).name(17) == "kind 17"
    (path.parent / "config.json").write_text('{"id2label": 3}')
    assert pen.scan(path).names is None


def test_a_tokenizer_of_another_size_beside_the_file_is_left_alone(model):
    path, _ = model
    (path.parent / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {f"t{i}": i for i in range(700)}}}))
    assert pen.scan(path).names is None


def test_a_shard_that_is_missing_is_named(tmp_path):
    rows, which = planted()
    save_file({"lm_head.weight": rows.astype(np.float32)}, tmp_path / "model-00002-of-00002.safetensors")
    where = {
        "lm_head.weight": "model-00002-of-00002.safetensors",
        "score.weight": "model-00001-of-00002.safetensors",
    }
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"lm_head.weight": where["lm_head.weight"]}}))
    np.testing.assert_array_equal(pen.scan(index).untrained, which)
    index.write_text(json.dumps({"weight_map": where}))
    with pytest.raises(pen.FileError, match=r"model-00001-of-00002\.safetensors: there is no such file"):
        pen.scan(index)


def test_whole_numbers_without_a_scale_are_refused_and_with_one_multiplied(tmp_path):
    rows, which = planted()
    scale = (np.abs(rows).max(axis=1) / 127).astype(np.float32)
    codes = np.round(rows / scale[:, None]).astype(np.int8)
    save_file({"lm_head.weight": codes}, tmp_path / "bare.safetensors")
    with pytest.raises(pen.FeaturesError, match=r"lm_head\.weight .* int8 numbers, and no scale"):
        pen.scan(tmp_path / "bare.safetensors")
    save_file({"lm_head.weight": codes, "lm_head.weight_scale": scale}, tmp_path / "m.safetensors")
    found = pen.scan(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(found.untrained, which)
    assert (found.dtype, found.rounding) == ("int8", 1e-2)


def test_large_halves_stay_halves_and_give_the_same(tmp_path, monkeypatch):
    from penultimate.archives.packed import Packed
    from penultimate.features.checkpoints import stored

    rows, which = planted()
    bits = (rows.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    header = {"lm_head.weight": {"dtype": "BF16", "shape": list(rows.shape), "data_offsets": [0, bits.nbytes]}}
    text = json.dumps(header).encode()
    (tmp_path / "m.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bits.tobytes())
    whole = pen.scan(tmp_path / "m.safetensors")
    monkeypatch.setattr(stored, "_SMALL", 0)
    packed = pen.scan(tmp_path / "m.safetensors")
    assert isinstance(packed.weight, Packed) and packed.weight.stored.nbytes == bits.nbytes
    assert (whole.dtype, whole.rounding) == (packed.dtype, packed.rounding) == ("bfloat16", 2e-3)
    assert packed.to_dict() == whole.to_dict() and packed.untrained.tolist() == which.tolist()


@pytest.mark.parametrize("name", ["onnx", "gguf"])
def test_without_its_library_a_file_names_the_extra(tmp_path, monkeypatch, penultimate, name):
    (tmp_path / f"m.{name}").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(pen.MissingDependencyError, match=rf"needs {name}.*'penultimate\[models\]'"):
        pen.scan(tmp_path / f"m.{name}")
    status, _, err = penultimate("scan", str(tmp_path / f"m.{name}"))
    assert status == 2 and "penultimate[models]" in err and err.count("\n") == 1


def test_names_are_drawn_by_script():
    rows, which = planted()
    names = [f"word{i}" for i in range(600)]
    for place, row in enumerate(which):
        names[row] = f"<mark {row}>" if place < 10 else chr(0x4E00 + row) if place < 35 else f"{row}"
    found = pen.scan(rows, names=names)
    drawn = found.plot("names").to_dict()
    [values] = drawn["datasets"].values() if "datasets" in drawn else [drawn["layer"][0]["data"]["values"]]
    assert {row["kind"]: row["rows"] for row in values} == {"Chinese": 25, "in brackets": 10, "without letters": 5}
    assert "25 of 40 untrained names are Chinese" in json.dumps(drawn)
    assert "names" in found.charts and "names" not in pen.scan(rows).charts
