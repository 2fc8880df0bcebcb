"""Directions of a head above the noise of its rows, in words and for JSON."""

import numpy as np

from penultimate.audits.head_noise import HeadNoise
from penultimate.noise.row_pairs import LEVEL
from penultimate.report.kit.numbers import finite, number, percent


def noise_words(noise: HeadNoise) -> str:
    """Say how many directions stand above the noise, and of how many rows another is the same.

    Nothing of a head with few classes or features, whose reader can do nothing about it; the record says why.
    """
    found = noise.directions
    if found is None:
        return ""
    if found.bulk.fits and not found.fits:
        return (
            "At least half of all directions of the rows are stronger than the rest, which is then not taken for noise."
        )
    if not found.fits:
        off = np.abs(found.bulk.measured / found.bulk.expected - 1.0)
        return (
            "What is left of the rows below the edge does not look like noise (a quartile of its singular values is "
            f"{percent(float(off.max()), 2)} off), so nothing is said of directions above it."
        )
    text = (
        f"{number(float(found.count))} of {number(float(min(found.coordinates.shape[0], found.columns)))} directions "
        f"of the rows stand above their noise (edge {number(found.edge, 3)}, rows brought to equal noise)."
    )
    if noise.pairs is None:
        return text
    same = noise.pairs.pairs[noise.pairs.adjusted > LEVEL]
    if not len(same):
        return f"{text} Every row is told from the one nearest to it, at {percent(LEVEL)}."
    return (
        f"{text} {number(float(np.unique(same).size))} rows cannot be told from the one nearest to them, at "
        f"{percent(LEVEL)}; a gap of {number(float(np.median(noise.pairs.min_gap)), 2)} would have been seen."
    )


def noise_record(noise: HeadNoise) -> dict[str, object]:
    """The same as numbers; None where there are none."""
    found, pairs = noise.directions, noise.pairs
    if found is None:
        return {"refusal": noise.refusal}
    return {
        "refusal": None,
        "fits": found.fits,
        "directions": found.count if found.fits else None,
        "edge": found.edge,
        "singular_values": found.singular_values.tolist(),
        "strengths": [finite(value) for value in found.strengths.tolist()],
        "alignment_classes": [finite(value) for value in found.alignment_classes.tolist()],
        "alignment_features": [finite(value) for value in found.alignment_features.tolist()],
        "sine": finite(float(found.sine.max(initial=0.0))),
        "reads": found.reads,
        "bulk": {"measured": found.bulk.measured.tolist(), "expected": found.bulk.expected.tolist()},
        "zero": found.zero.size,
        "repeated": found.repeated.size,
        "pairs_tested": None if pairs is None else len(pairs.pairs),
        "pairs_not_told": None if pairs is None else int(np.count_nonzero(pairs.adjusted > LEVEL)),
    }
