"""The laws of every source of features. A new kind brings two builders: of some samples, and of others of its kind."""

import pickle

import dask.array as da
import numpy as np
import pytest

import penultimate as pen
from feature_files import WRITERS, arrays
from penultimate.features.sources import ArraySource, Joined, open_features
from penultimate.features.sources.dask_arrays import DaskArrays
from penultimate.features.sources.parts import Relabelled, Rows

SAMPLES, BLOCK = 120, 7
PLACES = np.array([2, 0, 3, 1])


def of_arrays(content):
    return ArraySource(content["H"], content["y"])


def halves(content):
    return [{key: array[rows] for key, array in content.items()} for rows in (slice(50), slice(50, None))]


def wide(content):
    """The same samples with some before and some after them."""
    extra = arrays(13, seed=9)
    return {key: np.concatenate([extra[key], array, extra[key]]) for key, array in content.items()}


def moved(content):
    return {"H": content["H"], "y": np.argsort(PLACES)[content["y"]]}


def of_dask(content):
    rows = (40, 1, 79)
    return DaskArrays(da.from_array(content["H"], chunks=(rows, 2)), da.from_array(content["y"], chunks=50))


BUILDERS = {
    "arrays": lambda content, folder: of_arrays(content),
    "joined": lambda content, folder: Joined([of_arrays(half) for half in halves(content)]),
    "rows": lambda content, folder: Rows(of_arrays(wide(content)), 13, 13 + SAMPLES),
    "relabelled": lambda content, folder: Relabelled(of_arrays(moved(content)), PLACES),
    "dask": lambda content, folder: of_dask(content),
    **{
        name: lambda content, folder, write=write: open_features(write(folder, content))
        for name, write in WRITERS.items()
    },
}


@pytest.fixture(params=BUILDERS)
def kind(request, monkeypatch):
    for module in ("source", "file", "dask_arrays"):
        monkeypatch.setattr(f"penultimate.features.sources.{module}.block_rows", lambda dimension: BLOCK)
    return BUILDERS[request.param]


@pytest.fixture
def source(kind, tmp_path):
    return kind(arrays(SAMPLES), tmp_path)


def gathered(batches):
    return [np.concatenate(part) for part in zip(*((b.features, b.labels) for b in batches), strict=True)]


def bounds(source, start=0):
    """Where blocks end."""
    return (start + np.cumsum([len(batch.labels) for batch in source.batches(start)])).tolist()


class TestSource:
    def test_its_batches_are_the_samples_in_order_as_often_as_wanted(self, source):
        content = arrays(SAMPLES)
        assert (source.samples, source.dimension, source.dtype) == (SAMPLES, 5, "float32")
        for _ in range(2):
            features, labels = gathered(source.batches())
            np.testing.assert_array_equal(features, content["H"])
            np.testing.assert_array_equal(labels, content["y"])

    @pytest.mark.parametrize("start", [0, 1, 6, 7, 49, 50, 63, SAMPLES - 1])
    def test_from_any_sample_on_it_is_the_rest_in_the_same_blocks(self, source, start):
        content = arrays(SAMPLES)
        features, labels = gathered(source.batches(start))
        np.testing.assert_array_equal(features, content["H"][start:])
        np.testing.assert_array_equal(labels, content["y"][start:])
        assert bounds(source, start) == [end for end in bounds(source) if end > start]

    def test_after_the_last_sample_there_is_nothing_and_beyond_an_error(self, source):
        assert list(source.batches(SAMPLES)) == list(source.labels(SAMPLES)) == []
        for start in (-1, SAMPLES + 1):
            for drawn in (source.batches, source.labels):
                with pytest.raises(pen.FeaturesError, match=f"start at sample {start} of {SAMPLES}"):
                    list(drawn(start))

    @pytest.mark.parametrize("start", [0, 1, 63])
    def test_labels_alone_are_those_of_the_batches(self, source, start):
        every = [batch.labels for batch in source.batches(start)]
        for labels, own in zip(source.labels(start), every, strict=True):
            np.testing.assert_array_equal(labels, own)

    def test_its_shards_are_the_whole_in_order_and_sources_themselves(self, source):
        shards = source.shards()
        features, labels = gathered([batch for shard in shards for batch in shard.batches()])
        np.testing.assert_array_equal(features, arrays(SAMPLES)["H"])
        np.testing.assert_array_equal(labels, arrays(SAMPLES)["y"])
        assert sum(shard.samples for shard in shards) == SAMPLES
        for shard in shards:
            np.testing.assert_array_equal(gathered(shard.batches(3))[1], np.concatenate(list(shard.labels(3))))

    def test_pickled_it_is_the_same(self, source):
        for one in [source, *source.shards()]:
            other = pickle.loads(pickle.dumps(one))
            assert (other.fingerprint, other.samples) == (one.fingerprint, one.samples)
            np.testing.assert_array_equal(gathered(other.batches())[0], gathered(one.batches())[0])

    def test_the_fingerprint_stays_and_tells_other_samples(self, kind, source, tmp_path):
        assert source.fingerprint == source.fingerprint != ""
        (tmp_path / "other").mkdir()
        assert kind(arrays(SAMPLES, seed=5), tmp_path / "other").fingerprint != source.fingerprint
        shards = [shard.fingerprint for shard in source.shards()]
        assert len(set(shards)) == len(shards)
