"""Data that the studies train on: a long-tailed cut of Fashion-MNIST, handwritten digits, and dictionary glosses.

Nothing is downloaded here and nothing is bundled: Fashion-MNIST (MIT) and WordNet 3.0 come as packages of Debian, the
digits (the UCI repository's, 8 × 8 pixels) with scikit-learn.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import penultimate as pen

FASHION = Path("/usr/share/datasets/fashion-mnist")
WORDNET = Path("/usr/share/wordnet")
# Mean and standard deviation of Fashion-MNIST's training pixels.
_MEAN, _DEVIATION = 0.286, 0.353


@dataclass(frozen=True)
class Data:
    """Training samples with an imbalanced distribution of classes, and test samples.

    Attributes
    ----------
    inputs, labels : Tensor
        Of training, one sample a row, in the order of the source.
    test_inputs, test_labels : Tensor
        Of the test.
    counts : ClassCounts
        Training samples of each class.
    """

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    counts: pen.ClassCounts


def available() -> dict[str, bool]:
    """Say which packages of Debian are installed, by name."""
    return {"dataset-fashion-mnist": FASHION.is_dir(), "wordnet-base": WORDNET.is_dir()}


def require(package: str) -> None:
    """Stop with one clear sentence when a package of Debian is missing."""
    if not available()[package]:
        raise SystemExit(f"this study needs the Debian package {package}: apt-get install {package}, or make studies")


@cache
def fashion(ratio: float = 100.0) -> Data:
    """Fashion-MNIST cut to an exponential profile, 6,000 samples for class 0; the test set stays balanced."""
    require("dataset-fashion-mnist")
    pixels, labels = _images("train")
    kept = long_tail(labels, 6000, ratio)
    test_pixels, test_labels = _images("t10k")
    return _data(pixels[kept], labels[kept], test_pixels, test_labels)


@cache
def digits(ratio: float = 20.0) -> Data:
    """scikit-learn's handwritten digits: even rows, cut to an exponential profile, to train on; odd rows to test."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = ((bunch.images - 4.9) / 6.0).astype(np.float32)
    labels = bunch.target.astype(np.int64)
    kept = 2 * long_tail(labels[::2], 85, ratio)
    return _data(pixels[kept], labels[kept], pixels[1::2], labels[1::2])


@cache
def glosses(every: int) -> Data:
    """WordNet 3.0: which of 45 lexicographer files a synset is in, by its gloss; one in `every`, a fifth to test.

    Words become 256 numbers: tf-idf of the 8,192 most frequent, and a truncated singular value decomposition, both
    fitted to the training glosses.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    require("wordnet-base")
    texts, labels = read_glosses()
    texts, labels = texts[::every], labels[::every]
    test = np.arange(labels.size) % 5 == 4
    words = TfidfVectorizer(max_features=8192, sublinear_tf=True)
    known = words.fit_transform([text for text, out in zip(texts, test, strict=True) if not out])
    reduce = TruncatedSVD(256, random_state=0, n_iter=2)
    inputs = reduce.fit_transform(known)
    scale = inputs.std(axis=0)
    asked = reduce.transform(words.transform([text for text, out in zip(texts, test, strict=True) if out]))
    parts = (torch.from_numpy((part / scale).astype(np.float32)) for part in (inputs, asked))
    rows, test_rows = parts
    counts = pen.ClassCounts(np.bincount(labels[~test], minlength=45))
    return Data(rows, torch.from_numpy(labels[~test]), test_rows, torch.from_numpy(labels[test]), counts)


def read_glosses() -> tuple[list[str], np.ndarray]:
    """Glosses of all synsets, and the number of the lexicographer file of each."""
    texts: list[str] = []
    labels: list[int] = []
    for part in ("noun", "verb", "adj", "adv"):
        for line in (WORDNET / f"data.{part}").read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.startswith(" "):  # the licence stands in lines that do
                texts.append(line.partition("|")[2])
                labels.append(int(line.split(" ", 2)[1]))
    return texts, np.array(labels)


def long_tail(labels: np.ndarray, largest: int, ratio: float) -> np.ndarray:
    """Rows to keep so that class k has the first n_k of its samples, n the exponential profile; in file order."""
    counts = pen.ClassCounts.long_tailed(int(labels.max()) + 1, largest, ratio).values.astype(int)
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:n] for k, n in enumerate(counts)]))


def _data(pixels: np.ndarray, labels: np.ndarray, test_pixels: np.ndarray, test_labels: np.ndarray) -> Data:
    counts = pen.ClassCounts(np.bincount(labels))
    images = (torch.from_numpy(np.ascontiguousarray(part))[:, None] for part in (pixels, test_pixels))
    inputs, test_inputs = images
    return Data(inputs, torch.from_numpy(labels), test_inputs, torch.from_numpy(test_labels), counts)


def _images(part: str) -> tuple[np.ndarray, np.ndarray]:
    pixels = _idx(FASHION / f"{part}-images-idx3-ubyte.gz").astype(np.float32)
    return (pixels / 255 - _MEAN) / _DEVIATION, _idx(FASHION / f"{part}-labels-idx1-ubyte.gz").astype(np.int64)


def _idx(path: Path) -> np.ndarray:
    """Read an array of bytes in the IDX format: two zeros, the type, the number of axes, their lengths."""
    with gzip.open(path) as file:
        raw = file.read()
    if raw[:3] != b"\x00\x00\x08":
        raise SystemExit(f"{path}: not an IDX file of bytes: install the package again")
    axes = raw[3]
    shape = np.frombuffer(raw, dtype=">u4", count=axes, offset=4)
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * axes).reshape(shape)


def load(name: str, ratio: float) -> Data:
    """A data set by name; the ratio is for those that are cut here."""
    match name:
        case "fashion":
            return fashion(ratio)
        case "digits":
            return digits(ratio)
        case "a quarter of the glosses":
            return glosses(4)
        case "a tenth of the glosses":
            return glosses(10)
        case _:
            raise ValueError(f"there is no data set {name!r}")
