"""Several labels a sample: is the head better than what people do, on tags, kinds of words, genes, images and others?

Each set is split several times, a fifth of its groups to test; all else, thresholds too, is chosen on the rest, by ten
folds of groups. Labels with ten samples in the rest count. F1 is taken from counts that are pooled over the splits, so
that false alarms of a label that a test part lacks count too; intervals are those of 2,000 bootstrap draws of labels.
The recipe of the linear head took two of its numbers, ten folds and one factor on all thresholds, after looks at test
parts of tags and nouns; that of the head that is not linear was made with verbs, mosaics and genes. The sets of
`studies.multi_label_unseen` were made when both were done; their test parts share no sample.
Answers are kept in ``.studies``: what is interrupted goes on where it was.
"""

import json
from typing import Any

import numpy as np

from penultimate.files import write_whole
from studies.kept import SCRATCH
from studies.multi_label_data import SETS, load
from studies.multi_label_rivals import METHODS
from studies.multi_label_sets import LabelledFeatures
from studies.multi_label_tables import BENT, DRAWS, OURS, THIRDS, claims, table_of
from studies.multi_label_unseen import UNSEEN
from studies.results import Study, main

FEWEST = 10
SPLITS = {"Debian's tags": 3}
# Of the other sets, and of how many parts one is the test.
_SPLITS, _FIFTHS = 2, 5
# What is tried on these, and on the others: with those the recipe of the head that is not linear was made.
_ON_UNSEEN = ("ours", "bent", "logistic", "kernel")
_ON_OTHERS = tuple(method for method in METHODS if method not in ("bent", "kernel"))
QUICK = ("mosaics of garments",)

Counts = dict[str, dict[str, list[int]]]


def answered(name: str, data: LabelledFeatures, split: int, method: str) -> Counts:
    """For every way of a method and every label: right answers, answers, and samples that have it."""
    kept = SCRATCH / f"multi-label-{name.replace(' ', '-')}-{split}-{method}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    test, own = _cut(name, data, split)
    labels = data.labels[:, own].astype(bool)
    found = METHODS[method](data.rows[~test], labels[~test], data.groups[~test], data.rows[test])
    truth = labels[test]
    counts: Counts = {
        way: {
            str(label): [int(np.count_nonzero(truth[:, k] & said[:, k])), int(said[:, k].sum()), int(truth[:, k].sum())]
            for k, label in enumerate(own.tolist())
        }
        for way, said in found.items()
    }
    SCRATCH.mkdir(exist_ok=True)
    write_whole(kept, json.dumps(counts))
    return counts


def _cut(name: str, data: LabelledFeatures, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Test samples, and the labels that count."""
    groups, own = np.unique(data.groups, return_inverse=True)
    if name in UNSEEN:  # no sample is tested twice
        rank = np.random.default_rng(200 + split // _FIFTHS).permutation(len(groups))
        test = rank[own] * _FIFTHS // len(groups) == split % _FIFTHS
    else:
        rank = np.random.default_rng(200 + split).permutation(len(groups))
        test = rank[own] < len(groups) / _FIFTHS
    number = data.labels[~test].sum(axis=0)
    return test, np.flatnonzero((number >= FEWEST) & (number < np.count_nonzero(~test)))


def compared(name: str, data: LabelledFeatures, splits: range) -> dict[str, Any]:
    """Figures of every way on one set."""
    sums: dict[str, dict[str, np.ndarray]] = {}
    for method in _ON_UNSEEN if name in UNSEEN else _ON_OTHERS:
        for split in splits:
            for way, counts in answered(name, data, split, method).items():
                held = sums.setdefault(way, {})
                for label, three in counts.items():
                    held[label] = held.get(label, np.zeros(3)) + three
    labels = sorted(label for label, three in sums[OURS].items() if three[2] > 0)
    number = data.labels[:, [int(label) for label in labels]].sum(axis=0)
    low, high = np.quantile(number, [1 / 3, 2 / 3])
    third = np.where(number > high, 0, np.where(number > low, 1, 2))
    tables = {way: np.array([held[label] for label in labels]) for way, held in sums.items()}
    f = {way: 2 * table[:, 0] / np.maximum(table[:, 1] + table[:, 2], 1) for way, table in tables.items()}
    rows = {
        way: {
            "macro": float(f[way].mean()),
            **{name: float(f[way][third == place].mean()) for place, name in enumerate(THIRDS)},
            "micro": float(2 * table[:, 0].sum() / table[:, 1:].sum()),
            "gain": _interval(f[OURS] - f[way]),
            "gain_few": _interval((f[OURS] - f[way])[third == 2]),
            "f": np.round(f[way], 5).tolist(),
        }
        for way, table in tables.items()
    }
    for way in rows if BENT in rows else ():
        rows[way]["gain_bent"] = _interval(f[BENT] - f[way])
    return {"labels": len(labels), "samples": len(data.rows), "thirds": [float(low), float(high)], "ways": rows}


def _interval(gains: np.ndarray) -> list[float]:
    draws = np.random.default_rng(0).choice(gains, (DRAWS, len(gains))).mean(axis=1)
    return [float(gains.mean()), *np.quantile(draws, (0.025, 0.975)).tolist()]


def study(quick: bool = False, seed: int = 0) -> Study:
    """All sets that can be had."""
    facts: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for name in QUICK if quick else SETS:
        data = load(name)
        if isinstance(data, str):
            missing[name] = data
            continue
        if quick:
            data = LabelledFeatures(data.rows[:1200], data.labels[:1200], data.groups[:1200])
        first, number = 10 * seed, 1 if quick else SPLITS.get(name, _SPLITS)
        facts[name] = compared(f"{name} quick" if quick else name, data, range(first, first + number))
        print(table_of(facts[name]), flush=True)
    tables = {name.replace("'", "").replace(" ", "-").lower(): table_of(found) for name, found in facts.items()}
    return Study(claims(facts, missing), facts={"sets": facts, "missing": missing}, tables=tables)


if __name__ == "__main__":
    main("multi_label", study)
