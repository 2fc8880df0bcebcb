"""The linear head: its product and answers, and how it is found in a checkpoint."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from feature_files import write_npz, write_safetensors, write_tensors
from penultimate.errors import FeaturesError, FileError
from penultimate.features.head import Head

RNG = np.random.default_rng(0)
WEIGHT, BIAS = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=4).astype(np.float32)


def naive_logits(layers, bias, row):
    """One matrix after the other, in Python's numbers."""
    vector = [float(number) for number in row]
    for layer in layers:
        vector = [sum(float(w) * v for w, v in zip(line, vector, strict=True)) for line in layer]
    return [v + float(b) for v, b in zip(vector, bias, strict=True)]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.integers(0, 1000))
def test_logits_are_those_of_layer_after_layer(widths, seed):
    rng = np.random.default_rng(seed)
    layers = tuple(rng.normal(size=(out, into)) for into, out in pairwise(widths))
    bias, features = rng.normal(size=widths[-1]), rng.normal(size=(6, widths[0]))
    head = Head(layers, bias)
    expected = [naive_logits(layers, bias, row) for row in features]
    np.testing.assert_allclose(head.logits(features), expected, rtol=1e-11, atol=1e-11)
    assert (head.classes, head.dimension) == (widths[-1], widths[0])
    assert head.predict(features).tolist() == [int(np.argmax(row)) for row in expected]


@pytest.mark.parametrize(
    ("dtype", "expected"), [(np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64)]
)
def test_precision_is_that_of_the_features_float32_at_least(dtype, expected):
    features = RNG.normal(size=(5, 3)).astype(dtype)
    logits = Head((WEIGHT,), BIAS).logits(features)
    assert logits.dtype == expected
    np.testing.assert_allclose(logits, features.astype(float) @ WEIGHT.T.astype(float) + BIAS, rtol=2e-6, atol=2e-6)


def test_without_a_bias_the_offset_is_zero():
    head = Head((WEIGHT,))
    np.testing.assert_array_equal(head.offset, np.zeros(4), strict=True)
    np.testing.assert_array_equal(head.logits(np.zeros((1, 3))), np.zeros((1, 4)))


def test_ties_go_to_the_first_class():
    assert Head((np.ones((3, 2)),)).predict(np.ones((2, 2))).tolist() == [0, 0]


def test_predictions_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    head, features = Head((WEIGHT,), BIAS), RNG.normal(size=(50, 3))
    whole = head.predict(features)
    monkeypatch.setattr("penultimate.features.head._ENTRIES", 12)
    np.testing.assert_array_equal(head.predict(features), whole, strict=True)


def test_the_product_keeps_float64_and_leaves_the_layers_alone():
    layer = np.eye(2)
    head = Head((layer,))
    head.product[0, 0] = 5.0
    assert layer[0, 0] == 1.0
    assert Head((WEIGHT,)).product.dtype == np.float64


def test_whole_numbers_become_float64():
    head = Head((np.array([[1, 2], [3, 4]]),), np.array([1, 0]))
    np.testing.assert_array_equal(head.logits(np.array([[1, 1]])), [[4.0, 7.0]], strict=True)


def test_a_pickled_head_answers_the_same():
    head = Head((WEIGHT,), BIAS, ("a", "b", "c", "d"))
    copy = pickle.loads(pickle.dumps(head))
    np.testing.assert_array_equal(copy.product, head.product)
    assert copy.names == head.names


WRONG = {
    "no-layers": ((), None, None, "no layers"),
    "vector": ((np.ones(3),), None, None, r"layer 1 of the head has shape \(3,\)"),
    "empty": ((np.ones((0, 3)),), None, None, "give matrices"),
    "chain": ((np.ones((4, 3)), np.ones((2, 5))), None, None, "layer 1 of the head has shape .* and layer 2 has"),
    "bias": ((np.ones((4, 3)),), np.ones(3), None, r"bias of the head has shape \(3,\) for 4 classes"),
    "names": ((np.ones((2, 3)),), None, ("a",), "1 class names for the 2 classes"),
    "same-names": ((np.ones((2, 3)),), None, ("a", "a"), "given twice"),
    "nan": ((np.array([[1.0, np.nan]]),), None, None, "layer 1 of the head holds NaN"),
    "infinite-bias": ((np.ones((1, 2)),), np.array([np.inf]), None, "bias of the head holds NaN or infinity"),
    "text": ((np.array([["a"]]),), None, None, "not numbers"),
}


@pytest.mark.parametrize(("layers", "bias", "names", "part"), WRONG.values(), ids=WRONG)
def test_heads_that_cannot_be(layers, bias, names, part):
    with pytest.raises(FeaturesError, match=part):
        Head(layers, bias, names)


def test_features_of_another_width():
    with pytest.raises(FeaturesError, match=r"expected \(samples, 3\)"):
        Head((WEIGHT,)).logits(np.ones((2, 4)))


def test_check():
    head = Head((WEIGHT,))
    head.check(4, 3)
    with pytest.raises(FeaturesError, match="reads features of width 3 and these have width 5"):
        head.check(4, 5)
    with pytest.raises(FeaturesError, match="has 4 classes and the data has 10"):
        head.check(10, 3)


# Files


@pytest.fixture(params=[write_npz, write_safetensors])
def write(request, tmp_path):
    return lambda content: request.param(tmp_path, content, "model")


def assert_head(head, weight=WEIGHT, bias=BIAS):
    np.testing.assert_array_equal(head.weights[0], weight, strict=True)
    if bias is None:
        assert head.bias is None
    else:
        np.testing.assert_array_equal(head.bias, bias, strict=True)


def test_the_usual_keys(write):
    head = Head.read(write({"W": WEIGHT, "b": BIAS, "classes": np.array(["a", "b", "c", "d"]), "H": np.ones((2, 3))}))
    assert_head(head)
    assert head.names == ("a", "b", "c", "d")


def test_layers_by_number(write):
    layers = {f"W_{number}": RNG.normal(size=(3, 3)) for number in range(1, 12)}
    head = Head.read(write(dict(sorted(layers.items()))))
    assert len(head.weights) == 11
    for number, layer in enumerate(head.weights, start=1):
        np.testing.assert_array_equal(layer, layers[f"W_{number}"])


@pytest.mark.parametrize(
    "name",
    [
        "weight",
        "fc.weight",
        "module.fc.weight",
        "classifier.weight",
        "classifier.1.weight",
        "head.weight",
        "head.fc.weight",
        "heads.head.weight",
        "lm_head.weight",
        "linear.weight",
    ],
)
def test_the_names_of_published_checkpoints(write, name):
    others = {
        "layer1.0.conv1.weight": np.ones((2, 2, 3, 3), np.float32),
        "blocks.0.mlp.fc1.weight": np.ones((8, 2), np.float32),
        "blocks.0.attn.in_proj_weight": np.ones((8, 2), np.float32),
        "norm.weight": np.ones(3, np.float32),
    }
    assert_head(Head.read(write(others | {name: WEIGHT, name.replace("weight", "bias"): BIAS})))
    assert_head(Head.read(write(others | {name: WEIGHT})), bias=None)


def test_other_arrays_of_a_checkpoint_may_be_of_any_type(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, **{"fc.weight": WEIGHT, "config": np.array([{"depth": 3}], dtype=object)})
    assert_head(Head.read(path), bias=None)
    write_tensors(
        tmp_path / "model.safetensors",
        **{"block.weight": ("F8_E4M3", (2, 2), b"\0" * 4), "fc.weight": ("F32", (4, 3), WEIGHT.tobytes())},
    )
    assert_head(Head.read(tmp_path / "model.safetensors"), bias=None)


def test_several_candidates_are_listed_and_one_is_chosen_by_key(write):
    path = write({"head.weight": WEIGHT, "head.bias": BIAS, "aux.fc.weight": WEIGHT + 1, "aux.fc.bias": BIAS})
    with pytest.raises(FeaturesError, match=r"model.*head\.weight.*key=, --key") as caught:
        Head.read(path)
    assert "aux.fc.weight" in str(caught.value)
    assert_head(Head.read(path, key="head.weight"))


def test_an_unusual_name_needs_the_key_where_it_is_not_alone(write):
    content = {"prototypes": WEIGHT, "b": BIAS, "keys": np.ones((3, 3), np.float32)}
    path = write(content)
    with pytest.raises(FeaturesError, match=r"the matrices are .*prototypes \(4 × 3\).*: choose one \(key=, --key\)"):
        Head.read(path)
    assert_head(Head.read(path, key="prototypes"), bias=None)
    with pytest.raises(FeaturesError, match=r"there is no 'prototype': give one of .*prototypes \(4 × 3\)"):
        Head.read(path, key="prototype")
    assert_head(Head.read(path, classes=4), bias=None)
    alone = Head.read(write({"prototypes": WEIGHT, "b": BIAS}))
    assert_head(alone, bias=None)
    assert alone.origin == "prototypes (4 × 3), no bias"


def test_a_key_beside_the_usual_ones(write):
    path = write({"W": WEIGHT, "b": BIAS, "other.weight": WEIGHT + 1})
    assert_head(Head.read(path, key="W"))
    assert_head(Head.read(path, key="other.weight"), WEIGHT + 1, None)


def test_many_matrices_are_not_all_listed(write):
    path = write({f"block{number:02}.proj": np.ones((2, 2)) for number in range(20)})
    with pytest.raises(FeaturesError, match=r"block11\.proj \(2 × 2\) and 8 more"):
        Head.read(path)


UNREADABLE = {
    "both": ({"W": WEIGHT, "W_1": WEIGHT}, "both W and W_1"),
    "gap": ({"W_1": np.eye(3), "W_3": WEIGHT}, "only W_1, W_3"),
    "chain": ({"W_1": np.eye(2), "W_2": WEIGHT}, "each must read as many numbers"),
    "bias": ({"W": WEIGHT, "b": np.ones(3)}, "bias of the head has shape"),
    "convolution": ({"fc.bias": BIAS, "fc.weight": np.ones((4, 3, 2, 2))}, "there is no matrix in it"),
    "nan": ({"W": np.full((2, 2), np.nan)}, "holds NaN"),
    "names": ({"W": WEIGHT, "classes": np.array(["a", "b"])}, "2 class names for the 4 classes"),
}


@pytest.mark.parametrize(("content", "part"), UNREADABLE.values(), ids=UNREADABLE)
def test_files_without_one_good_head(write, content, part):
    path = write(content)
    with pytest.raises(FeaturesError, match=part) as caught:
        Head.read(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("suffix", [".pt", ".PTH", ".bin", ".ckpt", ".pkl"])
def test_pickles_are_never_loaded(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps({"fc.weight": [[1.0]]}))
    with pytest.raises(FileError, match=r"pickle.*safetensors\.torch\.save_file"):
        Head.read(path)


def test_other_files(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        Head.read(tmp_path / "model.npz")
    (tmp_path / "model.tflite").write_bytes(b"TFL3")
    with pytest.raises(FileError, match=r"none of \.npz, \.safetensors, .*\.onnx"):
        Head.read(tmp_path / "model.tflite")


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-100, 1e75, 1e160, 1e300])
def test_sizes_that_no_training_reaches_are_refused(size):
    with pytest.raises(pen.FeaturesError, match="no training gives"):
        pen.Head((np.eye(3) * size,))
    with pytest.raises(pen.FeaturesError, match="no training gives"):
        pen.Head((np.eye(3), np.eye(3) * size))


@pytest.mark.parametrize("size", [1e-45, 1e-30, 1e30, 3e38])
def test_sizes_that_a_flipped_bit_of_float32_gives_are_audited(size):
    weights = np.eye(3)
    weights[0, 0] = size
    record = pen.audit_head(pen.Head((weights,), np.zeros(3)), pen.ClassCounts([60, 30, 10])).to_dict()
    assert record["head"]["classes"] == 3


def test_layers_whose_product_no_training_reaches_are_refused():
    with pytest.raises(pen.FeaturesError, match="product of the layers"):
        pen.Head((np.eye(3) * 1e50, np.eye(3) * 1e50))


@pytest.mark.parametrize("points", [[0x61, 0x633C2761], [0x61, 0x110000], [0x61, 0xD800]])
def test_names_with_characters_that_do_not_exist(tmp_path, points):
    names = np.array(points, np.uint32).view("<U1")
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "head.npz", W=np.eye(2), classes=names)
        with pytest.raises(pen.FileError, match="do not exist"):
            pen.Head.read(tmp_path / "head.npz")
        save(tmp_path / "features.npz", H=np.eye(2), y=[0, 1], classes=names)
        with pytest.raises(pen.FileError, match="do not exist"):
            pen.open_features(tmp_path / "features.npz")
    np.save(tmp_path / "H.npy", np.eye(2))
    np.save(tmp_path / "y.npy", [0, 1])
    np.save(tmp_path / "classes.npy", names.astype(">U1"))
    with pytest.raises(pen.FileError, match="do not exist"):
        pen.open_features(tmp_path / "H.npy")
