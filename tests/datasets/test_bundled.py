"""The bundled counts: what SOURCES.md says of them is so."""

from importlib.resources import files

import pytest

from penultimate import datasets
from penultimate.counts import ClassCounts
from penultimate.errors import CountsError

# K, N, largest, smallest, first class
FACTS = {
    "lvis": (1203, 360952, 1977, 1, "aerosol_can"),
    "places-lt": (365, 62500, 4980, 5, "airfield"),
    "cifar10-lt": (10, 12406, 5000, 50, "0"),
    "cifar100-lt": (100, 10847, 500, 5, "0"),
    "fashion-mnist-lt": (10, 14886, 6000, 60, "0"),
    "wordnet": (45, 117659, 14435, 42, "adj.all"),
}


def test_names():
    assert datasets.names() == list(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_facts(name):
    counts = datasets.counts(name)
    assert (counts.classes, counts.samples, counts.largest, counts.smallest, counts.names[0]) == FACTS[name]
    assert not counts.unseen.size
    assert counts.is_integral


@pytest.mark.parametrize(
    ("name", "classes", "largest"),
    [("cifar10-lt", 10, 5000), ("cifar100-lt", 100, 500), ("fashion-mnist-lt", 10, 6000)],
)
def test_generated_ones(name, classes, largest):
    assert datasets.counts(name) == ClassCounts.long_tailed(classes, largest, 100)


def test_table():
    for info in datasets.table():
        classes, samples, largest, smallest, _ = FACTS[info.name]
        assert (info.classes, info.samples, info.ratio) == (classes, samples, largest / smallest)
        assert info.description
        assert info.licence


def test_sources_name_every_file():
    folder = files("penultimate") / "data" / "counts"
    sources = (folder / "SOURCES.md").read_text(encoding="utf-8")
    for name, (classes, samples, *_) in FACTS.items():
        assert f"| {name}.csv | {classes} | {samples} |" in sources
    assert {path.name for path in folder.iterdir()} == {"SOURCES.md", *(f"{name}.csv" for name in FACTS)}
    assert "WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved." in sources


def test_unknown_name():
    with pytest.raises(CountsError, match="no bundled data set 'imagenet': choose one of lvis, places-lt, "):
        datasets.counts("imagenet")
