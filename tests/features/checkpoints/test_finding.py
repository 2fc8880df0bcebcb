"""Which weight of a checkpoint is taken for the head, and what is said where none or several may be it."""

import json

import numpy as np
import pytest

from feature_files import write_npz, write_safetensors
from penultimate.errors import FeaturesError, FileError
from penultimate.features.head import Head

CLASSES, WIDTH = 4, 8
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(CLASSES, WIDTH)).astype(np.float32)
BIAS = RNG.normal(size=CLASSES).astype(np.float32)
BODY = {
    "model.embed_tokens.weight": np.ones((20, WIDTH), np.float32),
    **{f"model.layers.{index}.mlp.up_proj.weight": np.ones((32, WIDTH), np.float32) for index in range(13)},
    "model.norm.weight": np.ones(WIDTH, np.float32),
}


@pytest.fixture(params=[write_npz, write_safetensors])
def write(request, tmp_path):
    return lambda content: request.param(tmp_path, content, "model")


def assert_head(head, bias=BIAS):
    np.testing.assert_array_equal(head.weights[0], WEIGHT)
    if bias is None:
        assert head.bias is None
    else:
        np.testing.assert_array_equal(head.bias, bias)


@pytest.mark.parametrize(
    "name",
    [
        "score.weight",
        "classifier.out_proj.weight",
        "classification_head.out_proj.weight",
        "cls_classifier.weight",
        "roi_heads.box_predictor.cls_score.weight",
        "bbox_head.fc_cls.weight",
        "embed_out.weight",
        "class_embed.weight",
        "classifier.modules_to_save.default.weight",
        "base_model.model.score.modules_to_save.weight",
        "model._orig_mod.head.fc.weight",
        "heads.head.weight",
        "cls.predictions.decoder.weight",
        "head.proj.weight",
        "qa_outputs.weight",
        "prototypes",
        "logit_layer/W",
    ],
)
def test_the_rows_tell_which_it_is_whatever_its_name(write, name):
    head = Head.read(write(BODY | {name: WEIGHT, "classifier.dense.weight": np.ones((WIDTH, WIDTH))}), classes=CLASSES)
    assert_head(head, None)
    assert head.origin.startswith(f"{name} (4 × 8)")


def test_what_peft_keeps_of_the_untrained_head_is_left_alone(write):
    path = write(BODY | {"score.original_module.weight": WEIGHT + 1, "score.modules_to_save.default.weight": WEIGHT})
    assert_head(Head.read(path, classes=CLASSES), None)


def test_of_a_sequence_of_layers_the_last(write):
    path = write(
        {
            "features.0.weight": np.ones((8, 3, 3, 3), np.float32),
            "classifier.0.weight": np.ones((16, 8), np.float32),
            "classifier.3.weight": np.ones((WIDTH, 16), np.float32),
            "classifier.10.weight": WEIGHT,
            "classifier.10.bias": BIAS,
        }
    )
    assert_head(Head.read(path))


@pytest.mark.parametrize("shape", [(CLASSES, WIDTH, 1, 1), (CLASSES, WIDTH, 1)])
def test_a_convolution_of_size_one(write, shape):
    path = write(
        {
            "features.0.weight": np.ones((8, 3, 3, 3)),
            "classifier.1.weight": WEIGHT.reshape(shape),
            "classifier.1.bias": BIAS,
        }
    )
    for known in ({}, {"classes": CLASSES}, {"key": "classifier.1.weight"}):
        assert_head(Head.read(path, **known))


@pytest.mark.parametrize(
    ("name", "stored", "bias"),
    [
        ("head.kernel", WEIGHT.T, "head.bias"),
        ("params/head/kernel", WEIGHT.T, "params/head/bias"),
        ("predictions/kernel:0", WEIGHT.T, "predictions/bias:0"),
        ("predictions.kernel", WEIGHT.T[None, None], "predictions.bias"),
    ],
)
def test_kernels_are_stored_the_other_way_round(write, name, stored, bias):
    path = write({"conv.kernel": np.ones((3, 3, 3, 8), np.float32), name: np.ascontiguousarray(stored), bias: BIAS})
    for known in ({}, {"classes": CLASSES}, {"dimension": WIDTH}, {"classes": CLASSES, "dimension": WIDTH}):
        head = Head.read(path, **known)
        assert_head(head)
        assert "transposed" in head.origin


@pytest.mark.parametrize("name", ["kernel", "weight", "W", "fc.weight"])
def test_a_weight_with_a_column_a_class_is_transposed_where_the_classes_are_known(write, name):
    path = write({name: np.ascontiguousarray(WEIGHT.T)})
    head = Head.read(path, classes=CLASSES)
    assert_head(head, None)
    assert "transposed" in head.origin
    assert_head(Head.read(path, dimension=WIDTH), None)


def test_a_head_that_is_the_wrong_way_round_says_so():
    with pytest.raises(FeaturesError, match=r"one column for each of the 4 classes: transpose it"):
        Head((WEIGHT.T,)).check(CLASSES, WIDTH)


def test_a_row_for_the_background_is_named_with_the_way_out(write):
    more = np.concatenate([np.zeros((1, WIDTH), np.float32), WEIGHT])
    path = write(
        {"roi_heads.box_predictor.cls_score.weight": more, "roi_heads.box_predictor.bbox_pred.weight": np.ones((20, 8))}
    )
    with pytest.raises(FeaturesError, match=r"cls_score.weight \(5 × 8\) has one row more .* background"):
        Head.read(path, classes=CLASSES)
    assert Head.read(path, classes=CLASSES + 1).classes == CLASSES + 1


def test_rows_that_pad_a_vocabulary(write):
    path = write(BODY | {"lm_head.weight": np.ones((64, WIDTH), np.float32)})
    with pytest.raises(FeaturesError, match=r"lm_head.weight \(64 × 8\) .*rows that pad a vocabulary are classes of 0"):
        Head.read(path, classes=50)


def test_an_embedding_is_taken_where_nothing_else_fits(write):
    embedding = {"model.embed_tokens.weight": WEIGHT, "model.layers.0.mlp.up_proj.weight": np.ones((32, WIDTH))}
    head = Head.read(write(embedding), classes=CLASSES)
    assert_head(head, None)
    assert "the embedding, to which a head may be tied" in head.origin
    with pytest.raises(FeaturesError, match="a head tied to the embedding: model"):
        Head.read(write(embedding))
    with pytest.raises(FeaturesError, match="the head has 2 classes and the counts have 4"):
        Head.read(write(embedding | {"score.weight": np.ones((2, WIDTH))}), classes=CLASSES)
    untied = Head.read(write(embedding | {"lm_head.weight": WEIGHT + 1}), classes=CLASSES)
    np.testing.assert_array_equal(untied.weights[0], WEIGHT + 1)


def test_a_layer_of_the_body_with_as_many_rows_is_not_the_head(write):
    path = write({"model.layers.0.mlp.gate_proj.weight": WEIGHT, "model.layers.0.mlp.up_proj.weight": np.ones((9, 8))})
    with pytest.raises(FeaturesError, match=r"no weight outside the body has 4 rows; the matrices are model.layers"):
        Head.read(path, classes=CLASSES)
    assert_head(Head.read(path, key="model.layers.0.mlp.gate_proj.weight"), None)


def test_two_that_fit_equally_are_listed_and_none_is_taken(write):
    path = write(BODY | {"head.weight": WEIGHT, "aux.fc.weight": WEIGHT})
    with pytest.raises(FeaturesError, match=r"several weights may be the head, head.weight \(4 × 8\), aux.fc.weight"):
        Head.read(path, classes=CLASSES)


def test_the_best_names_are_listed_first(write):
    path = write(BODY | {"score_a.weight": WEIGHT, "score_b.weight": WEIGHT})
    with pytest.raises(FeaturesError, match=r"matrices are score_a.weight \(4 × 8\), score_b.weight \(4 × 8\), model"):
        Head.read(path)


BIASES = {
    "beside": ("classifier.bias", True),
    "above": ("bias", True),
    "of-another-layer": ("model.norm.bias", False),
}


@pytest.mark.parametrize("case", BIASES)
def test_a_bias_of_another_name_is_found_or_said(write, case):
    name, taken = BIASES[case]
    body = {"model.norm.weight": np.ones(CLASSES, np.float32)}
    head = Head.read(write(body | {"classifier.out_proj.weight": WEIGHT, name: BIAS}))
    assert_head(head, BIAS if taken else None)
    assert (f"bias {name}" if taken else "no bias") in head.origin


def test_two_biases_that_differ_are_not_chosen_between(write):
    path = write({"a.embed_tokens.weight": WEIGHT, "lm_head.bias": BIAS, "predictions.bias": BIAS + 1})
    with pytest.raises(FeaturesError, match="differ, and each may be the bias"):
        Head.read(path, classes=CLASSES)
    assert_head(
        Head.read(write({"a.wte.weight": WEIGHT, "lm_head.bias": BIAS, "predictions.bias": BIAS}), classes=CLASSES)
    )


# Shards


def shards(folder):
    write_safetensors(folder, BODY, "model-00001-of-00002")
    write_safetensors(folder, {"lm_head.weight": WEIGHT}, "model-00002-of-00002")
    where = dict.fromkeys(BODY, "model-00001-of-00002.safetensors") | {
        "lm_head.weight": "model-00002-of-00002.safetensors"
    }
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return index, where


def test_sharded_checkpoints_by_index_and_folder_and_without_index(tmp_path):
    index, _ = shards(tmp_path)
    assert_head(Head.read(index), None)
    assert_head(Head.read(tmp_path), None)
    index.unlink()
    assert_head(Head.read(tmp_path), None)
    assert_head(Head.read(tmp_path / "model-00002-of-00002.safetensors"), None)


def test_a_folder_with_one_file_is_that_file(tmp_path):
    write_npz(tmp_path, {"fc.weight": WEIGHT}, "trained")
    (tmp_path / "config.json").write_text("{}")
    assert_head(Head.read(tmp_path), None)
    write_npz(tmp_path, {"fc.weight": WEIGHT}, "again")
    with pytest.raises(FileError, match=r"several files, again.npz, trained.npz: name the one"):
        Head.read(tmp_path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", "the index is damaged"),
        ("[]", "there is no weight_map"),
        ('{"weight_map": {}}', "there is no weight_map"),
        ('{"weight_map": {"fc.weight": "../other/model.safetensors"}}', "no name of a file beside the index"),
        ('{"weight_map": {"fc.weight": 3}}', "no name of a file"),
        ('{"weight_map": {"fc.weight": "pytorch_model-1.bin"}}', "this is a pickle"),
        ('{"weight_map": {"fc.weight": "model-00003-of-00002.safetensors"}}', "there is no such file"),
        ('{"weight_map": {"head.weight": "model-00001-of-00002.safetensors"}}', "the index says that 'head.weight'"),
        ('{"weight_map": ' + "[" * 100_000, "the index is damaged"),
    ],
)
def test_an_index_that_is_not_one(tmp_path, index, message):
    place, _ = shards(tmp_path)
    place.write_text(index)
    with pytest.raises(FileError, match=message):
        Head.read(place)


def test_folders_without_a_checkpoint(tmp_path):
    with pytest.raises(FileError, match="the folder has no checkpoint"):
        Head.read(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(FileError, match="this is a pickle"):
        Head.read(tmp_path)


@pytest.mark.parametrize("name", ["H", "X", "embeddings"])
def test_features_beside_their_labels_are_no_head(write, name):
    samples = {name: np.ones((20, WIDTH), np.float32), "y": np.arange(20) % CLASSES}
    with pytest.raises(FeaturesError, match=f"{name} holds features with their labels, and there is no head"):
        Head.read(write(samples))
    assert_head(Head.read(write({**samples, "fc.weight": WEIGHT, "fc.bias": BIAS})))
    # An embedding of as many tokens, and no labels.
    assert Head.read(write({"embeddings": WEIGHT})).classes == CLASSES
