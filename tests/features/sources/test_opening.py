"""What a path, a folder, a pattern or a list means, and what shards must agree in."""

import os

import numpy as np
import pytest

from feature_files import arrays, head_arrays, write_hdf5, write_npy, write_npz, write_safetensors, write_zarr
from penultimate.errors import FeaturesError, FileError
from penultimate.features.sources import open_features
from penultimate.features.sources.label_files import open_label_sets


def two_shards(folder, first=None, second=None):
    return [
        write_npz(folder, arrays(10, seed=0) | (first or {}), "a"),
        write_npz(folder, arrays(20, seed=1) | (second or {}), "b"),
    ]


def sizes(source):
    return [shard.samples for shard in source.shards()]


def test_a_folder_a_pattern_and_a_list_are_the_same(tmp_path):
    files = two_shards(tmp_path)
    (tmp_path / "README.md").write_text("made today")
    (tmp_path / ".hidden.npz").write_text("no archive")
    opened = [open_features(place) for place in (tmp_path, str(tmp_path), f"{tmp_path}/[ab].npz", files)]
    assert {source.fingerprint for source in opened} == {opened[0].fingerprint}
    assert sizes(opened[0]) == [10, 20]


def test_a_list_keeps_its_order(tmp_path):
    assert sizes(open_features(two_shards(tmp_path)[::-1])) == [20, 10]


def test_a_pattern_reaches_into_folders(tmp_path):
    for number in (10, 9, 100):
        folder = tmp_path / f"rank{number}"
        folder.mkdir()
        write_npz(folder, arrays(number))
    assert sizes(open_features(f"{tmp_path}/**/*.npz")) == [9, 10, 100]


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    assert open_features(write_npz(tmp_path, arrays(7), "run[1]")).samples == 7


def test_relative_paths_hold_after_changing_the_folder(tmp_path, monkeypatch):
    write_npz(tmp_path, arrays(7))
    monkeypatch.chdir(tmp_path)
    source = open_features("features.npz")
    monkeypatch.chdir(os.sep)
    assert [len(batch.labels) for batch in source.batches()] == [7]


def test_a_zarr_store_needs_no_suffix(tmp_path):
    path = write_zarr(tmp_path, arrays(7))
    path.rename(tmp_path / "store")
    assert open_features(tmp_path / "store").samples == 7


def test_a_folder_of_npy_files_is_one_source_for_each_pair(tmp_path):
    write_npy(tmp_path, arrays(7) | head_arrays(), "shard-2")
    write_npy(tmp_path, arrays(8), "shard-10")
    source = open_features(tmp_path)
    assert sizes(source) == [7, 8]
    assert source.names == ("class 0", "class 1", "class 2", "class 3")
    assert sizes(open_features(tmp_path / "shard-10_y.npy")) == [8]


def test_npy_files_without_a_prefix(tmp_path):
    content = arrays(7)
    for key, array in (content | {"W_1": np.eye(3, 5), "W_2": np.eye(4, 3)}).items():
        np.save(tmp_path / f"{key}.npy", array)
    source = open_features(tmp_path)
    assert (source.samples, len(source.head.weights)) == (7, 2)


def test_a_head_in_any_one_shard_is_that_of_all(tmp_path):
    two_shards(tmp_path, second=head_arrays())
    source = open_features(tmp_path)
    np.testing.assert_array_equal(source.head.weights[0], head_arrays()["W"])
    assert source.names == ("class 0", "class 1", "class 2", "class 3")
    assert all(shard.head is None and shard.names is None for shard in source.shards())


@pytest.mark.parametrize("writer", [write_npz, write_safetensors])
@pytest.mark.parametrize("place", ["{}", "{}/?.npz"])
def test_a_head_in_a_file_beside_the_shards(tmp_path, writer, place):
    two_shards(tmp_path)
    weight = head_arrays()["W"]
    writer(tmp_path, {"backbone.fc.weight": weight}, "head")
    source = open_features(place.format(tmp_path))
    np.testing.assert_array_equal(source.head.weights[0], weight)
    assert source.head.bias is None
    assert source.samples == 30


def test_equal_heads_and_names_in_all_shards(tmp_path):
    two_shards(tmp_path, head_arrays(), head_arrays())
    assert open_features(tmp_path).head.classes == 4


def test_names_of_the_shards_for_a_head_without(tmp_path):
    names = np.array(["a", "b", "c", "d"])
    two_shards(tmp_path, {"W": head_arrays()["W"]}, {"classes": names})
    assert open_features(tmp_path).names == ("a", "b", "c", "d")


HEAD = head_arrays()
DISAGREEING = {
    "widths": ({}, arrays(20, dimension=6), "width 6"),
    "heads": (HEAD, HEAD | {"W": HEAD["W"] + 1}, "different heads"),
    "biases": (HEAD, HEAD | {"b": HEAD["b"] + 1}, "different heads"),
    "layers": ({"W": np.eye(4, 5)}, {"W_1": np.eye(5), "W_2": np.eye(4, 5)}, "different heads"),
    "names": ({"classes": np.array(["a", "b"])}, {"classes": np.array(["a", "c"])}, "name different classes"),
    "number-of-names": ({"W": HEAD["W"]}, {"classes": np.array(["a", "c"])}, "2 class names for the 4 classes"),
    "weights": ({"weights": np.ones(10)}, {}, "has weights and"),
}


@pytest.mark.parametrize(("first", "second", "part"), DISAGREEING.values(), ids=DISAGREEING)
def test_shards_that_disagree(tmp_path, first, second, part):
    two_shards(tmp_path, first, second)
    with pytest.raises(FeaturesError, match=part):
        open_features(tmp_path)


def test_a_head_file_of_another_width(tmp_path):
    two_shards(tmp_path)
    write_npz(tmp_path, head_arrays(dimension=6), "head")
    with pytest.raises(FeaturesError, match="width 6"):
        open_features(tmp_path)


def refused(place, part):
    with pytest.raises(FileError, match=part):
        open_features(place)


def test_an_empty_list():
    refused([], "list of files is empty")


def test_a_folder_without_features(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    refused(tmp_path, "folder has no files of features")


def test_a_pattern_that_fits_nothing(tmp_path):
    refused(f"{tmp_path}/*.npz", "fits this pattern")


def test_two_formats(tmp_path):
    write_npz(tmp_path, arrays(), "a")
    write_hdf5(tmp_path, arrays(), "b")
    refused(tmp_path, "are of two formats")


def test_a_file_given_twice(tmp_path):
    path = write_npz(tmp_path, arrays())
    (tmp_path / "link.npz").symlink_to(path)
    refused([path, tmp_path / "link.npz"], "given twice")
    refused([path, path], "given twice")


def test_a_set_of_npy_files_given_twice(tmp_path):
    path = write_npy(tmp_path, arrays(7))
    refused([path, path], "given twice")


def test_two_head_files(tmp_path):
    two_shards(tmp_path)
    write_npz(tmp_path, head_arrays(), "head")
    write_safetensors(tmp_path, head_arrays(), "head")
    refused(tmp_path, "are both heads")


def test_a_missing_file_of_a_list(tmp_path):
    refused([write_npz(tmp_path, arrays()), tmp_path / "b.npz"], "b.npz: there is no such file")


# What people call a head beside features, and weights of samples

WEIGHT, BIAS = np.arange(12.0).reshape(3, 4), np.array([0.5, 0.25, 0.0])


@pytest.mark.parametrize(
    "arrays",
    [
        {"weight": WEIGHT, "bias": BIAS},
        {"fc.weight": WEIGHT, "fc.bias": BIAS},
        {"fc_weight": WEIGHT, "fc_bias": BIAS},
        {"kernel": WEIGHT.T, "bias": BIAS},
        {"W": WEIGHT, "b": BIAS, "weight": np.eye(2)},
    ],
)
def test_a_head_that_is_called_as_layers_call_theirs(tmp_path, arrays):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", X=rng.normal(size=(9, 4)), y=np.arange(9) % 3, **arrays)
    head = open_features(tmp_path / "a.npz").head
    np.testing.assert_array_equal(head.weights[0], WEIGHT)
    np.testing.assert_array_equal(head.bias, BIAS)
    targets = np.eye(3)[np.arange(9) % 3]
    np.savez(tmp_path / "b.npz", X=rng.normal(size=(9, 4)), y=targets, **arrays)
    np.testing.assert_array_equal(open_label_sets(tmp_path / "b.npz").head.weights[0], WEIGHT)


@pytest.mark.parametrize(
    ("arrays", "part"),
    [
        ({"a_weight": WEIGHT, "b_weight": WEIGHT}, "a_weight and b_weight may each be the head"),
        ({"weight": WEIGHT[:, :2]}, "features of width 2 and these have width 4"),
    ],
)
def test_two_heads_or_one_of_another_width_are_refused(tmp_path, arrays, part):
    np.savez(tmp_path / "a.npz", X=np.ones((9, 4)), y=np.arange(9) % 3, **arrays)
    with pytest.raises(FeaturesError, match=part):
        open_features(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["weights", "sample_weight", "Sample_Weights", "weight"])
def test_weights_of_samples_by_their_usual_names(tmp_path, name):
    np.savez(tmp_path / "a.npz", X=np.ones((9, 4)), y=np.arange(9) % 3, **{name: np.arange(1.0, 10)})
    batch = next(open_features(tmp_path / "a.npz").batches())
    np.testing.assert_array_equal(batch.weights, np.arange(1.0, 10))
