"""Tensors and tokens out of GGUF, written here with the library's own writer and quantiser."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.archives.sharded import open_checkpoint
from scans_planted import planted

gguf = pytest.importorskip("gguf")
KINDS = {"F32": 1e-6, "F16": 5e-4, "BF16": 2e-3, "Q8_0": 7e-3, "Q5_0": 6e-2, "Q5_1": 5e-2, "Q4_0": 0.11, "Q4_1": 0.1}


def save(path, arrays, kind="F32", tokens=None):
    writer = gguf.GGUFWriter(path, "llama")
    if tokens is not None:
        writer.add_token_list(tokens)
    for name, array in arrays.items():
        small = kind if array.ndim == 2 else "F32"
        form = gguf.GGMLQuantizationType[small]
        data = gguf.quantize(array, form)
        writer.add_tensor(name, data, raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def rows():
    return planted(classes=600, dimension=64)[0].astype(np.float32)


@pytest.mark.parametrize("kind", list(KINDS))
def test_blocks_of_few_bits_are_widened_and_their_rounding_known(tmp_path, rows, kind):
    path = save(tmp_path / "m.gguf", {"token_embd.weight": rows, "output_norm.weight": rows[0]}, kind)
    form = gguf.GGMLQuantizationType[kind]
    expected = gguf.dequantize(gguf.quantize(rows, form), form)
    with open_checkpoint(path) as archive:
        np.testing.assert_array_equal(archive.read("token_embd.weight"), expected)
        np.testing.assert_array_equal(archive.packed("token_embd.weight")[10:20], expected[10:20])
        np.testing.assert_array_equal(np.concatenate(list(archive.blocks("token_embd.weight", 3, 64))), expected[3:])
    found = pen.scan(path)
    assert (found.rounding, found.tied, found.dimension) == (KINDS[kind], True, 64)
    error = np.sqrt(np.mean((expected - rows) ** 2) / np.mean(rows**2))
    assert error <= found.rounding  # planted rows are less spread than normal numbers, or as much


def test_an_output_of_its_own_is_the_head(tmp_path, rows):
    path = save(tmp_path / "m.gguf", {"token_embd.weight": rows[:, ::-1].copy(), "output.weight": rows})
    (tmp_path / "README.md").write_text("the folder of a model")
    found = pen.scan(tmp_path)
    assert pen.scan(path).to_dict()["groups"] == found.to_dict()["groups"]
    assert not found.tied and "output.weight" in found.source
    np.testing.assert_allclose(found.lengths, np.linalg.norm(rows, axis=1), rtol=1e-6)


@pytest.mark.parametrize(("tokens", "named"), [(600, 600), (590, 590), (601, 0)])
def test_tokens_name_the_rows_and_padding_is_said(tmp_path, rows, tokens, named):
    path = save(tmp_path / "m.gguf", {"token_embd.weight": rows}, tokens=[f"t{i}" for i in range(tokens)])
    found = pen.scan(path)
    assert found.named == named and found.name(5) == ("t5" if named else "5")
    if named == 590:
        assert found.name(599) == "(row 599, no name)" and "590 names" in found.verdict


@pytest.mark.parametrize("share", [0.05, 0.4, 0.95])
def test_a_damaged_file_is_one_clear_error(tmp_path, rows, share):
    path = save(tmp_path / "m.gguf", {"token_embd.weight": rows})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(pen.FileError, match=r"m\.gguf: .*write it again"):
        pen.scan(path)


def test_types_that_nothing_widens_are_refused_by_name(tmp_path, rows):
    path = tmp_path / "m.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("token_embd.weight", rows.astype(np.int8))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(pen.FeaturesError, match=r"token_embd.weight .* I8 numbers, and no scale"):
        pen.scan(path)
