import numpy as np
import pytest

import penultimate as pen
from penultimate.features.sources import Batch
from penultimate.features.sources.writing import save_features


def read(source):
    batches = list(source.batches())
    return [np.concatenate([batch[index] for batch in batches]) for index in (0, 1)]


class Given:
    """A source of some batches."""

    names = head = None
    dimension, dtype, fingerprint = 3, "float32", ""

    def __init__(self, *batches):
        self._batches = batches
        self.samples = sum(len(batch.labels) for batch in batches)

    def batches(self, start=0):
        return iter(self._batches)

    def shards(self):
        return [self]


def test_a_written_source_is_read_as_it_was(tmp_path):
    source = pen.datasets.features("cnn-mse")
    written = save_features(source, tmp_path / "cnn.safetensors")
    for ours, theirs in zip(read(source), read(written), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype.itemsize == theirs.dtype.itemsize or ours.dtype.kind == "i"
    assert written.names == source.names and written.dtype == source.dtype == "float16"
    assert pen.audit(written).to_dict() == pen.audit(source).to_dict()


def test_other_libraries_can_read_it(tmp_path):
    from safetensors.numpy import load_file

    rng = np.random.default_rng(0)
    head = pen.Head((rng.normal(size=(5, 3)), rng.normal(size=(2, 5)).astype(np.float32)), rng.normal(size=2))
    features, labels = rng.normal(size=(7, 3)), rng.integers(0, 2, size=7)
    save_features(pen.ArraySource(features, labels, head), tmp_path / "f.safetensors")
    arrays = load_file(tmp_path / "f.safetensors")
    assert arrays.keys() == {"H", "y", "W_1", "W_2", "b"}
    np.testing.assert_array_equal(arrays["H"], features)
    np.testing.assert_array_equal(arrays["y"], labels)
    np.testing.assert_array_equal(arrays["W_2"], head.weights[1])


def test_weights_go_with_the_samples(tmp_path):
    rng = np.random.default_rng(1)
    parts = [Batch(rng.normal(size=(n, 3)).astype(np.float32), np.arange(n) % 2, rng.uniform(size=n)) for n in (4, 5)]
    (batch,) = save_features(Given(*parts), tmp_path / "f.safetensors").batches()
    np.testing.assert_array_equal(batch.weights, np.concatenate([part.weights for part in parts]))


def test_class_names_may_be_long(tmp_path):
    names = tuple(f"Klasse {index} {'ü' * 100}" for index in range(300))
    head = pen.Head((np.ones((300, 3)),), np.zeros(300), names)
    source = pen.ArraySource(np.ones((4, 3)), np.arange(4), head)
    assert save_features(source, tmp_path / "f.safetensors").names == names


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.safetensors"
    path.write_text("old")
    with pytest.raises(pen.FeaturesError, match="no samples to write"):
        save_features(Given(), path)

    def broken(rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_features(Given(Batch(np.ones((2, 3), np.float32), np.arange(2))), path, broken)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(pen.FileError, match="make its folder first"):
        save_features(Given(), tmp_path / "nowhere" / "f.safetensors")
    with pytest.raises(pen.FileError, match=r"written as \.safetensors"):
        save_features(Given(), tmp_path / "f.npz")
