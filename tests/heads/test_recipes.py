"""The recipes of docs/heads.md, each run as it stands there, on tiny models that are made here."""

import re
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import sklearn.base
import torch
import transformers
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tokenizers import Tokenizer, models, pre_tokenizers

import penultimate as pen
from seeds import SEED

PAGE = (Path(__file__).parents[2] / "docs" / "heads.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"^```python\n(.*?)^```", PAGE.split("## Recipes")[1].split("\n## ")[0], re.M | re.S)
NAMES = np.array(["bee", "cat", "dog"])


def run(word, **given):
    """Everything that a recipe leaves behind, of the one with that word in it."""
    (text,) = [text for text in RECIPES if word in text]
    held = {"pen": pen, "np": np, "torch": torch, **given}
    exec(text, held)
    return held


def labels_of(counts):
    return np.repeat(np.arange(3), counts)


def balanced(answers, truth):
    return np.mean([np.mean(answers[truth == k] == k) for k in np.unique(truth)])


def test_none_is_left_out():
    assert len(RECIPES) == 4


def test_a_text_encoder():
    torch.manual_seed(SEED)
    words = ["[PAD]", "[UNK]", "buzz", "meow", "woof", "the", "a"]
    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]")
    config = transformers.BertConfig(
        vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    encoder = transformers.BertModel(config).eval()
    rng = np.random.default_rng(SEED)

    def written(labels):
        return [" ".join(rng.permutation([words[2 + k], *rng.choice(words[5:], 2)])) for k in labels]

    own, other = labels_of((40, 12, 6)), labels_of((5, 5, 5))
    held = run(
        "encoder", tokenizer=tokenizer, encoder=encoder, texts=written(own), labels=NAMES[own], new_texts=written(other)
    )
    assert balanced(np.searchsorted(NAMES, held["answers"]), other) > 0.6


def test_an_image_backbone_and_its_head_are_one_model():
    torch.manual_seed(SEED)
    backbone = torch.nn.Sequential(torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(2)).eval()

    def drawn(labels):
        images = 0.3 * torch.randn(len(labels), 1, 8, 8)
        for image, k in zip(images, labels, strict=True):
            image[0, :, 2 * k : 2 * k + 3] += 2.0
        return images

    own, other = labels_of((40, 12, 6)), labels_of((6, 6, 6))
    new = drawn(other)
    held = run("backbone", backbone=backbone, images=drawn(own), labels=NAMES[own], new_images=new)
    with torch.inference_mode():
        features = backbone(new).flatten(1).numpy()
    np.testing.assert_array_equal(held["answers"], held["head"].predict(features))
    assert balanced(np.searchsorted(NAMES, held["answers"]), other) > 0.6


@pytest.fixture
def clouds():
    rng = np.random.default_rng(SEED)
    own, other = labels_of((40, 12, 6)), labels_of((8, 8, 8))
    X, V = ((3.0 * np.eye(3, 4)[y] + rng.normal(size=(y.size, 4))).astype(np.float32) for y in (own, other))
    return X, own, V, other


def test_scikit_learn(clouds):
    X, own, *_ = clouds
    tools = {"make_pipeline": make_pipeline, "StandardScaler": StandardScaler, "cross_val_score": cross_val_score}
    held = run("make_pipeline", sklearn=sklearn, X=X, y=own, **tools)
    assert held["scores"].shape == (2,) and held["scores"].min() > 0.5


def test_a_table_of_embeddings(clouds, tmp_path, monkeypatch):
    X, own, V, other = clouds
    monkeypatch.chdir(tmp_path)
    held = run("parquet", pyarrow=pyarrow, X=X, y=NAMES[own].tolist(), X_valid=V, y_valid=NAMES[other].tolist())
    head = pen.Head.read(tmp_path / "head.npz")
    assert head.names == tuple(NAMES) and held["comparison"].held_out.samples == 24
    assert balanced(head.predict(V), other) > 0.6
