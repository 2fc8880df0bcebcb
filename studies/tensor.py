"""One direction in a tensor of noise: is it seen from the threshold on, and as well as the law says?

Seddik, Guillaud and Couillet 2021 (arXiv 2112.12348; docs/theory §14): T = θ x ⊗ y ⊗ z + E. Unit vectors are drawn, the
best rank-one approximation near them is computed, and its norm and alignments are held against `SpikedTensor`, for the
cubic tensor of the paper's figure and for unequal sizes. The edge is held against the spectrum of the matrix of
contractions, and strengths inferred from norms against those planted.

Then what is needed to *find* a direction of 100 classes, 64 features and 10 checkpoints: the share of tensors in which
the norm is above 95 % of those of noise, from the unfolding, after power iteration, and where the class is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np

from penultimate.noise import SpikedTensor
from penultimate.noise.rank_one import best_rank_one
from studies import charts
from studies.results import Claim, Study, main, markdown

Floats = np.ndarray
SHAPES = ((60, 60, 60), (90, 60, 45), (100, 64, 10), (40, 40, 40, 40))
# Over the threshold.
ABOVE = (1.2, 1.5, 2.5)
ALIGNMENTS = (0.02, "promised from a fifth above the threshold on, where sizes add up to 150")
TENTH = (0.1, "convention: a tenth")
_STRENGTHS = (5, 8, 11, 13, 15, 18, 24)


def drawn(shape: Sequence[int], strength: float, rng: np.random.Generator) -> tuple[Floats, list[Floats]]:
    """A direction of random vectors in noise."""
    vectors = [v / np.linalg.norm(v) for v in (rng.standard_normal(size) for size in shape)]
    spike = vectors[0]
    for vector in vectors[1:]:
        spike = np.multiply.outer(spike, vector)
    return strength * spike + rng.standard_normal(shape), vectors


@dataclass(frozen=True)
class Seen:
    """One strength: alignments and norm by simulation beside the law's, and strengths inferred from the norms."""

    shape: tuple[int, ...]
    share: float
    predicted: list[float]
    measured: list[float]
    norm: float
    scatter: float
    predicted_norm: float
    inferred: float

    @property
    def apart(self) -> float:
        """Largest distance of an alignment."""
        return float(np.max(np.abs(np.subtract(self.predicted, self.measured))))


def seen(shape: tuple[int, ...], share: float, draws: int, rng: np.random.Generator) -> Seen:
    """By simulation, at a share of the threshold, power iteration from the true vectors."""
    law = SpikedTensor(shape)
    strength = share * law.threshold
    norms, alignments = np.empty(draws), np.empty((draws, len(shape)))
    for draw in range(draws):
        tensor, vectors = drawn(shape, strength, rng)
        norms[draw], found = best_rank_one(tensor, vectors)
        alignments[draw] = [abs(a @ b) for a, b in zip(found, vectors, strict=True)]
    expected, behind = law.seen(strength), law.behind(norms).strength
    return Seen(
        shape,
        share,
        expected.alignments.tolist(),
        alignments.mean(axis=0).tolist(),
        float(norms.mean()),
        float(norms.std(ddof=1)),
        float(expected.norm),
        float(np.nanmean(behind) / strength),
    )


def edge(shape: tuple[int, int, int], share: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Of the matrix of contractions with found vectors: its largest eigenvalue over the norm, the next, the edge."""
    tensor, vectors = drawn(shape, share * SpikedTensor(shape).threshold, rng)
    norm, (x, y, z) = best_rank_one(tensor, vectors)
    by_z, by_y, by_x = tensor @ z, np.einsum("ijk,j->ik", tensor, y), np.einsum("ijk,i->jk", tensor, x)
    ends = np.cumsum((0, *shape))
    block = np.zeros((ends[3], ends[3]))
    for (row, column), part in zip(((0, 1), (0, 2), (1, 2)), (by_z, by_y, by_x), strict=True):
        block[ends[row] : ends[row + 1], ends[column] : ends[column + 1]] = part
    values = np.linalg.eigvalsh(block + block.T)
    return float(values[-1] / norm), float(values[-2]), SpikedTensor(shape).edge


def statistics(tensor: Floats, known: Floats) -> list[float]:
    """Largest singular value of the smallest unfolding; the norm; that of the contraction with a known class vector."""
    unfolding = np.moveaxis(tensor, 2, 0).reshape(tensor.shape[2], -1)
    return [
        float(np.sqrt(np.linalg.eigvalsh(unfolding @ unfolding.T)[-1])),
        best_rank_one(tensor)[0],
        float(np.linalg.norm(np.tensordot(known, tensor, axes=1), 2)),
    ]


def power(noise: int, draws: int, strengths: Sequence[float], seed: int) -> np.ndarray:
    """Share of tensors above 95 % of those of noise, one row a strength, for the three statistics."""
    rng, shape = np.random.default_rng(seed + 3), (100, 64, 10)
    limit = np.quantile([statistics(*_with_known(shape, 0.0, rng)) for _ in range(noise)], 0.95, axis=0)
    return np.array(
        [
            np.mean([statistics(*_with_known(shape, strength, rng)) > limit for _ in range(draws)], axis=0)
            for strength in strengths
        ]
    )


def _with_known(shape: tuple[int, int, int], strength: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    tensor, vectors = drawn(shape, strength, rng)
    return tensor, vectors[0]


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    rng = np.random.default_rng(seed)
    shapes, draws = (((30, 30, 30), (60, 40, 10)), 6) if quick else (SHAPES, 40)
    found = [seen(shape, share, draws, rng) for shape in shapes for share in ABOVE]
    top, next_one, expected = edge((40, 30, 20) if quick else (240, 160, 100), 1.5, rng)
    strengths = (5, 24) if quick else _STRENGTHS
    powers = power(*((20, 10) if quick else (300, 100)), strengths, seed)
    inferred, norms = [one.inferred for one in found], [one.predicted_norm for one in found]
    off = max(abs(one.norm - one.predicted_norm) for one in found)
    scatter = float(np.sqrt(np.mean([one.scatter**2 for one in found])))
    claims = [
        *(_alignments(shape, [one for one in found if one.shape == shape]) for shape in shapes),
        Claim(
            "norm of the best rank-one approximation",
            "that of the law",
            f"mean of {draws} draws off by {off:.2f} at most, of norms from {min(norms):.0f} to {max(norms):.0f}",
            off,
            3 / np.sqrt(draws),
            "three standard errors of such a mean, norms scattering by 1",
        ),
        Claim("its standard deviation", "1", f"{scatter:.2f}", abs(scatter - 1), *TENTH),
        Claim(
            "strength inferred from the norm alone",
            "the one planted",
            f"{min(inferred):.2f} to {max(inferred):.2f} of it on average",
            max(abs(value - 1) for value in inferred),
            0.05,
            "a twentieth of it",
        ),
        Claim(
            "spectrum of the matrix of contractions",
            f"largest eigenvalue twice the norm, the next at the edge {expected:.1f}",
            f"{top:.6f}, {next_one:.1f}",
            max(abs(top - 2), abs(next_one / expected - 1)),
            0.05,
            "the edge of 500 rows lies 3 % below that of many",
        ),
    ]
    facts = {"seen": [vars(one) for one in found], "power": powers}
    return Study(claims, {"alignments": _chart(found)}, facts, {"power": _table(strengths, powers)})


def _alignments(shape: tuple[int, ...], found: Sequence[Seen]) -> Claim:
    return Claim(
        f"alignments, {' × '.join(map(str, shape))}, at {', '.join(f'{one.share:g}' for one in found)} × the threshold",
        "; ".join(" ".join(f"{value:.3f}" for value in one.predicted) for one in found),
        "; ".join(" ".join(f"{value:.3f}" for value in one.measured) for one in found),
        max(one.apart for one in found),
        *ALIGNMENTS,
    )


def _table(strengths: Sequence[float], powers: np.ndarray) -> str:
    law, known = SpikedTensor((100, 64, 10)), SpikedTensor((64, 10))
    limits = (law.unfolding_threshold, law.threshold, known.threshold)
    rows = [("threshold", *(f"{limit:.1f}" for limit in limits))]
    rows += [
        (f"{strength:g}", *(f"{share:.0%}" for share in row)) for strength, row in zip(strengths, powers, strict=True)
    ]
    return markdown(("strength θ", "unfolding alone", "unfolding, then power iteration", "class vector known"), rows)


def _chart(found: Sequence[Seen]) -> alt.LayerChart:
    first = found[0].shape
    law = SpikedTensor(first)
    name = " × ".join(map(str, first))
    curve = np.geomspace(1.0, 3.0, 80)
    x = charts.axis("share", "strength θ over the threshold")
    y = charts.axis("alignment", "alignment |⟨x, x̂⟩|")
    expected = law.seen(law.threshold * curve).alignments[:, 0]
    rows = [
        {"share": share, "alignment": value, "what": "predicted"}
        for share, value in zip(curve.tolist(), expected.tolist(), strict=True)
        if value > 0
    ]
    measured = [
        {"share": one.share, "alignment": value, "what": "measured"}
        for one in found
        if one.shape == first
        for value in one.measured
    ]
    legend = charts.colour("what", "", ["predicted", "measured"])
    note = ["Every mode; the prediction begins at the threshold, where the square of an alignment is a half."]
    layers = (charts.lines(rows, x, y, legend), charts.points(measured, x, y, legend, size=50))
    return charts.chart(f"How well one direction of a {name} tensor is known", note, *layers)


if __name__ == "__main__":
    main("tensor", study)
