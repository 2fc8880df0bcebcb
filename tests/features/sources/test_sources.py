"""Arrays as a source, and several sources as one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_files import arrays, head_arrays
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.sources import ArraySource, Joined


def source(samples=5, dimension=3, **options):
    content = arrays(samples, dimension, **options)
    return ArraySource(content["H"], content["y"])


def test_arrays_are_cut_in_blocks_without_a_copy():
    features = np.zeros((70_000, 2), np.float32)
    batches = list(ArraySource(features, np.zeros(70_000, int)).batches())
    assert [len(batch.labels) for batch in batches] == [65_536, 4464]
    assert all(np.shares_memory(batch.features, features) for batch in batches)
    assert ArraySource(features, np.zeros(70_000, int)).dtype == "float32"


def test_a_single_source_is_its_own_shard():
    whole = source()
    assert whole.shards() == [whole]


def test_names_are_those_given_or_of_the_head():
    content, head = arrays(), Head((head_arrays()["W"],), names=("a", "b", "c", "d"))
    assert ArraySource(content["H"], content["y"], head).names == ("a", "b", "c", "d")
    assert ArraySource(content["H"], content["y"], head, ("e", "f", "g", "h")).names == ("e", "f", "g", "h")
    assert ArraySource(content["H"], content["y"]).names is None


@pytest.mark.parametrize(
    ("features", "labels", "part"),
    [
        (np.zeros(3), np.zeros(3, int), "one row a sample"),
        (np.zeros((0, 3)), np.zeros(0, int), "at least one sample"),
        (np.zeros((3, 0)), np.zeros(3, int), "at least one sample"),
        (np.zeros((3, 2)), np.zeros(2, int), "labels have shape (2,) for 3 samples"),
        (np.zeros((3, 2)), np.zeros((3, 1), int), "labels have shape (3, 1)"),
        (np.zeros((3, 2)), np.zeros(3), "labels are float64"),
        (np.zeros((3, 2)), np.array(["a", "b", "c"]), "labels are texts: number them, names, numbers = numpy.unique("),
        (np.zeros((3, 2)), np.array(["a", "b", None], dtype=object), "give pen.ArraySource(features, numbers, names"),
        (np.zeros((3, 2)), np.array([1, "b", None], dtype=object), "labels are of type object, not numbers"),
    ],
)
def test_arrays_that_do_not_fit(features, labels, part):
    with pytest.raises(FeaturesError) as caught:
        ArraySource(features, labels)
    assert part in str(caught.value)


def test_head_and_names_that_do_not_fit():
    content = arrays(dimension=5)
    head = Head((np.eye(4, 6),))
    with pytest.raises(FeaturesError, match="reads features of width 6"):
        ArraySource(content["H"], content["y"], head)
    with pytest.raises(FeaturesError, match="3 class names for the 4 classes"):
        ArraySource(content["H"], content["y"], Head((np.eye(4, 5),)), ("a", "b", "c"))
    with pytest.raises(FeaturesError, match="given twice"):
        ArraySource(content["H"], content["y"], names=("a", "a"))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.data())
def test_joined_from_any_sample_on_is_the_rest(lengths, data):
    parts = [source(length, seed=index) for index, length in enumerate(lengths)]
    joined = Joined(parts)
    start = data.draw(st.integers(0, joined.samples))
    every = np.concatenate([batch.features for part in parts for batch in part.batches()])
    rest = [batch.features for batch in joined.batches(start)]
    np.testing.assert_array_equal(np.concatenate([every[:0], *rest]), every[start:])


def test_joined_keeps_order_head_and_names():
    head = Head((np.eye(2, 3),))
    parts = [source(2), source(3, seed=1)]
    joined = Joined(parts, head, ("a", "b"))
    assert joined.shards() == parts
    assert (joined.head, joined.names) == (head, ("a", "b"))
    assert joined.fingerprint == Joined(parts).fingerprint
    assert joined.fingerprint != Joined(parts[::-1]).fingerprint


def test_joined_has_the_widest_type():
    assert Joined([source(2, dtype=np.float16), source(2), source(2, dtype=np.float16)]).dtype == "float32"


def test_parts_that_cannot_be_joined():
    with pytest.raises(FeaturesError, match="no parts"):
        Joined([])
    with pytest.raises(FeaturesError, match="width 4 and arrays of width 3"):
        Joined([source(dimension=3), source(dimension=4)])
    with pytest.raises(FeaturesError, match="arrays has features of width 4 and arrays … arrays of width 3"):
        Joined([Joined([source(), source()]), source(dimension=4)])


@pytest.mark.parametrize("change", ["feature", "label", "dtype", "order"])
def test_the_fingerprint_of_arrays_tells_them_apart(change):
    content = arrays()
    first = ArraySource(content["H"], content["y"]).fingerprint
    assert ArraySource(content["H"].copy(), content["y"].copy()).fingerprint == first
    if change == "feature":
        content["H"][7, 2] += 1
    elif change == "label":
        content["y"][7] += 1
    elif change == "dtype":
        content["H"] = content["H"].astype(np.float64)
    else:
        content = {key: array[::-1] for key, array in content.items()}
    assert ArraySource(content["H"], content["y"]).fingerprint != first
