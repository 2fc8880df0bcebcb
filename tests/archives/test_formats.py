"""One contract for every format: the same arrays give the same batches, from any block on, in any number of shards."""

import pickle
import tracemalloc
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_files import WITH_HEAD, WRITERS, arrays, head_arrays, write_compressed, write_npz, write_tensors
from penultimate.features.sources import ArraySource, open_features

BLOCK = 64


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    for module in ("source", "file"):
        monkeypatch.setattr(f"penultimate.features.sources.{module}.block_rows", lambda dimension: BLOCK)


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    return lambda content, stem="features": WRITERS[request.param](tmp_path, content, stem)


def drawn(source, start=0):
    return list(source.batches(start))


def assert_same(batches, others):
    assert len(batches) == len(others)
    for one, other in zip(batches, others, strict=True):
        np.testing.assert_array_equal(one.features, other.features, strict=True)
        np.testing.assert_array_equal(one.labels, other.labels)
        assert (one.weights is None) == (other.weights is None)
        if one.weights is not None:
            np.testing.assert_array_equal(one.weights, other.weights)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_format_gives_the_batches_of_the_arrays(write, dtype):
    content = arrays(dtype=dtype)
    source = open_features(write(content))
    assert (source.samples, source.dimension, source.dtype) == (300, 5, np.dtype(dtype).name)
    assert_same(drawn(source), drawn(ArraySource(content["H"], content["y"])))
    assert [len(batch.labels) for batch in source.batches()] == [64, 64, 64, 64, 44]


def test_batches_can_be_drawn_from_any_block_on(write):
    source = open_features(write(arrays()))
    every = drawn(source)
    for index in range(len(every) + 1):
        assert_same(drawn(source, min(index * BLOCK, source.samples)), every[index:])


@pytest.mark.parametrize("start", [1, 63, 71, 299])
def test_batches_from_within_a_block_end_where_the_block_does(write, start):
    content = arrays()
    batches = drawn(open_features(write(content)), start)
    np.testing.assert_array_equal(np.concatenate([batch.features for batch in batches]), content["H"][start:])
    np.testing.assert_array_equal(np.concatenate([batch.labels for batch in batches]), content["y"][start:])
    assert len(batches[0].labels) == min(BLOCK - start % BLOCK, 300 - start)


def test_shards_are_the_whole_in_natural_order(write, tmp_path):
    content = arrays()
    cuts = [0, 100, 103, 300]
    for number, (first, end) in zip((1, 2, 10), pairwise(cuts), strict=True):
        path = write({key: array[first:end] for key, array in content.items()}, f"shard{number}")
    pattern = str(tmp_path / f"*{path.suffix}")
    for source in (open_features(tmp_path), open_features(pattern)):
        assert [shard.samples for shard in source.shards()] == [100, 3, 197]
        for key, index in (("H", 0), ("y", 1)):
            whole = np.concatenate([batch[index] for batch in source.batches()])
            np.testing.assert_array_equal(whole, content[key])
        apart = [batch for shard in source.shards() for batch in shard.batches()]
        assert_same(drawn(source), apart)
        assert_same(drawn(source, 100), apart[2:])
        assert_same(drawn(source, 103), apart[3:])


def test_a_source_can_be_pickled_and_its_shards_too(write, tmp_path):
    write(arrays(seed=1), "a")
    write(arrays(seed=2), "b")
    source = open_features(tmp_path)
    copy = pickle.loads(pickle.dumps(source))
    assert_same(drawn(copy), drawn(source))
    assert copy.fingerprint == source.fingerprint
    for shard, other in zip(source.shards(), pickle.loads(pickle.dumps(source.shards())), strict=True):
        assert_same(drawn(shard), drawn(other))


def test_weights_come_with_the_samples(write):
    content = arrays() | {"weights": np.linspace(0.0, 2.0, 300)}
    batches = drawn(open_features(write(content)), 64)
    np.testing.assert_array_equal(np.concatenate([batch.weights for batch in batches]), content["weights"][64:])


@pytest.mark.parametrize("name", WITH_HEAD)
def test_head_and_class_names_come_with_the_features(name, tmp_path):
    content = head_arrays()
    source = open_features(WRITERS[name](tmp_path, arrays() | content))
    np.testing.assert_array_equal(source.head.weights[0], content["W"], strict=True)
    np.testing.assert_array_equal(source.head.bias, content["b"], strict=True)
    assert source.names == source.head.names == ("class 0", "class 1", "class 2", "class 3")


def test_a_table_of_classes_may_hold_the_head_as_lists(tmp_path):
    content = arrays(samples=4)
    weight = head_arrays()["W"]
    table = pa.table({"H": list(content["H"]), "y": content["y"], "W": list(weight)})
    pq.write_table(table, tmp_path / "prototypes.parquet")
    np.testing.assert_array_equal(open_features(tmp_path / "prototypes.parquet").head.weights[0], weight, strict=True)


@pytest.mark.parametrize("name", WITH_HEAD)
def test_class_names_need_no_head(name, tmp_path):
    source = open_features(WRITERS[name](tmp_path, arrays() | {"classes": np.array(["a", "b", "c", "d"])}))
    assert source.head is None
    assert source.names == ("a", "b", "c", "d")


@pytest.mark.parametrize("name", WITH_HEAD)
def test_a_head_of_several_layers(name, tmp_path):
    rng = np.random.default_rng(3)
    layers = {"W_1": rng.normal(size=(6, 5)), "W_2": rng.normal(size=(4, 6))}
    head = open_features(WRITERS[name](tmp_path, arrays() | layers)).head
    assert head.bias is None
    np.testing.assert_allclose(head.product, layers["W_2"] @ layers["W_1"], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_labels_of_any_whole_type(write, dtype):
    content = arrays()
    content["y"] = content["y"].astype(dtype)
    np.testing.assert_array_equal(
        np.concatenate([batch.labels for batch in open_features(write(content)).batches()]), content["y"]
    )


def test_the_fingerprint_tells_files_apart(write):
    first, second = open_features(write(arrays(), "a")), open_features(write(arrays(samples=299), "b"))
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize("keys", [("features", "labels"), ("embeddings", "targets"), ("X", "Y"), ("h", "label")])
@pytest.mark.parametrize("name", ["npz", "safetensors", "npy", "zarr", "hdf5"])
def test_other_usual_names(name, keys, tmp_path):
    content = arrays()
    path = WRITERS[name](tmp_path, dict(zip(keys, content.values(), strict=True)))
    if name == "npy":
        path = path.with_name(f"features_{keys[1]}.npy")
    assert_same(drawn(open_features(path)), drawn(ArraySource(content["H"], content["y"])))


@pytest.mark.parametrize("name", ["npz", "npy"])
def test_features_stored_column_by_column(name, tmp_path):
    content = arrays()
    path = WRITERS[name](tmp_path, content | {"H": np.asfortranarray(content["H"])})
    batches = drawn(open_features(path), 64)
    assert_same(batches, drawn(ArraySource(content["H"], content["y"]), 64))
    assert all(batch.features.flags.c_contiguous for batch in batches)


@pytest.mark.parametrize("writer", [write_npz, write_compressed])
def test_a_head_stored_column_by_column(writer, tmp_path):
    weight = head_arrays()["W"]
    head = open_features(writer(tmp_path, arrays() | {"W": np.asfortranarray(weight)})).head
    np.testing.assert_array_equal(head.weights[0], weight)


@pytest.mark.parametrize("name", ["npz", "npz-compressed", "npy", "hdf5"])
def test_foreign_byte_order_becomes_native(name, tmp_path):
    content = arrays()
    foreign = {"H": content["H"].astype(">f4"), "y": content["y"].astype(">i8")}
    batches = drawn(open_features(WRITERS[name](tmp_path, foreign)))
    assert_same(batches, drawn(ArraySource(content["H"], content["y"])))
    assert batches[0].features.dtype.isnative and batches[0].labels.dtype.isnative


def test_bfloat16_is_widened_bit_by_bit(tmp_path):
    bits = np.array([[0x3F80, 0xC000], [0x7F80, 0x0001], [0x4049, 0x8000]], dtype="<u2")
    path = tmp_path / "half.safetensors"
    write_tensors(
        path,
        H=("BF16", (3, 2), bits.tobytes()),
        y=("I64", (3,), np.array([0, 1, 1]).tobytes()),
        W=("BF16", (2, 2), bits[[0, 2]].tobytes()),
    )
    source = open_features(path)
    assert source.dtype == "bfloat16"
    (batch,) = source.batches()
    # Sign, 8 bits of exponent, 7 of mantissa: 0x4049 is 2·(1 + 73/128).
    expected = np.array([[1.0, -2.0], [np.inf, 2.0**-133], [3.140625, -0.0]], dtype=np.float32)
    np.testing.assert_array_equal(batch.features, expected, strict=True)
    assert np.signbit(batch.features[2, 1])
    np.testing.assert_array_equal(source.head.weights[0], expected[[0, 2]])


@pytest.mark.parametrize("writer", [write_npz, write_compressed])
def test_memory_is_that_of_blocks(writer, tmp_path):
    content = {"H": np.zeros((40_000, 100), np.float32), "y": np.zeros(40_000, np.int64)}
    path = writer(tmp_path, content)
    del content
    source = open_features(path)
    tracemalloc.start()
    rows = sum(len(batch.labels) for batch in source.batches(start=39_000))
    rows += sum(len(batch.labels) for batch in source.batches())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 41_000
    assert peak < 4 << 20  # the features take 16 MiB


def test_a_chunk_larger_than_a_block_is_read_once(tmp_path, monkeypatch):
    from penultimate.archives.chunked import ChunkedArchive

    class Counted:
        shape, chunks, dtype = (300, 5), (150, 5), np.dtype(np.float32)

        def __init__(self):
            self.read = []

        def __getitem__(self, rows):
            self.read.append((rows.start, rows.stop))
            return np.zeros((min(rows.stop, 300) - rows.start, 5), np.float32)

    array = Counted()
    blocks = list(ChunkedArchive(tmp_path, {"H": array}, {}, lambda texts: texts).blocks("H", 64, BLOCK))
    assert [len(block) for block in blocks] == [64, 64, 64, 44]
    assert array.read == [(64, 150), (150, 300)]
