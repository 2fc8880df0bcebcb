"""Deterministic equivalents: is the mean resolvent what the fixed point says, at the promised rate, and its density?

Louart and Couillet 2021 (arXiv 2109.02644; docs/theory §9) let the columns of a sample come from classes with their own
means and covariances. The resolvent R = (XᵀX/N + λ)⁻¹ is then near a matrix R̃ that K numbers fix: E R differs from it
by O(1/√N) in Frobenius norm, and single entries scatter by O(1/√N). Three classes, half as many features as samples,
N = 48, 96, 192: what is of the order 1/√N is constant after multiplication with √N.

The density of the eigenvalues of XᵀX/N is the imaginary part of R̃'s trace by the real axis (`scatter_density`).
Smoothed alike, it is held against samples; beside it the density for one covariance pooled over the classes, as is
usual.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np

from penultimate.equivalents import Population, ScoreLaw, scatter_density
from studies import charts
from studies.results import Claim, Study, main, markdown

RIDGE = 0.5
# Over which densities are smoothed before they are compared.
_WIDTH = 0.03
_SHARES = (1 / 2, 1 / 3, 1 / 6)
GROWS = (1.25, "a quarter more than at the smallest N: simulations know it to a tenth")


def population(width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Means, and roots of covariances, of three classes that differ in size and shape of their scatter."""
    rng = np.random.default_rng(seed)
    roots = []
    for k in range(3):
        turn = np.linalg.qr(rng.standard_normal((width, width)))[0]
        roots.append((turn * np.exp(rng.standard_normal(width) / 4) * np.sqrt(0.5 + k)) @ turn.T)
    return rng.standard_normal((3, width)) * 2 / np.sqrt(width), np.array(roots)


def sample(means: np.ndarray, roots: np.ndarray, counts: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Gaussian samples of every class."""
    width = means.shape[1]
    return np.vstack(
        [m + rng.standard_normal((n, width)) @ root for m, root, n in zip(means, roots, counts, strict=True)]
    )


@dataclass(frozen=True)
class Rate:
    """One N: distance of the mean resolvent from its equivalent, and the scatter of its first entry, times √N."""

    samples: int
    distance: float
    scatter: float


def rate(samples: int, draws: int, seed: int) -> Rate:
    """By simulation; the squared distance is a product over two halves of the draws, so that their noise cancels."""
    means, roots = population(samples // 2, seed)
    counts = [round(share * samples) for share in _SHARES]
    law = ScoreLaw(Population(means, roots @ roots), counts, RIDGE, bias=False)
    moments = roots @ roots + means[:, :, None] * means[:, None, :]
    equivalent = np.linalg.inv(np.tensordot(law.pulls, moments, axes=1) + RIDGE * np.eye(means.shape[1]))
    rng, halves, entries = np.random.default_rng(seed + 1), np.zeros((2, *equivalent.shape)), np.empty(draws)
    for draw in range(draws):
        rows = sample(means, roots, counts, rng)
        resolvent = np.linalg.inv(rows.T @ rows / samples + RIDGE * np.eye(equivalent.shape[0]))
        halves[draw % 2] += resolvent * 2 / draws
        entries[draw] = resolvent[0, 0]
    square = np.sum((halves[0] - equivalent) * (halves[1] - equivalent))
    return Rate(samples, float(np.sqrt(max(square, 0.0) * samples)), float(entries.std() * np.sqrt(samples)))


def smoothed(at: np.ndarray, places: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Density of masses, each spread like Cauchy's law."""
    return (masses * _WIDTH / np.pi / ((at[:, None] - places) ** 2 + _WIDTH**2)).sum(axis=1)


def densities(quick: bool, seed: int) -> dict[str, np.ndarray]:
    """Of samples, of the equivalent with the classes' own covariances, and with a pooled one, at the same points."""
    draws, width, counts = (10, 20, (25, 10, 5)) if quick else (100, 100, (125, 50, 25))
    means, roots = population(width, seed)
    rng, samples = np.random.default_rng(seed + 2), sum(counts)
    eigenvalues = []
    for _ in range(draws):
        rows = sample(means, roots, counts, rng)
        eigenvalues.append(np.linalg.eigvalsh(rows.T @ rows / samples))
    seen = np.concatenate(eigenvalues)
    moments = roots @ roots + means[:, :, None] * means[:, None, :]
    pooled = np.tensordot(np.array(counts) / samples, moments, axes=1)[None]
    fine = np.linspace(0.01, 1.1 * seen.max(), 100 if quick else 400)
    at, step = np.linspace(0.02, seen.max(), 60), fine[1] - fine[0]
    return {
        "at": at,
        "samples": smoothed(at, seen, np.full(seen.size, 1 / seen.size)),
        "own covariances": smoothed(at, fine, step * scatter_density(moments, counts, fine)),
        "one pooled covariance": smoothed(at, fine, step * scatter_density(pooled, [samples], fine)),
    }


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    rates = [rate(samples, 500 if quick else 6000, seed) for samples in ((48, 96) if quick else (48, 96, 192))]
    found = densities(quick, seed)
    step = found["at"][1] - found["at"][0]
    apart = {
        name: float(np.abs(found[name] - found["samples"]).sum() * step)
        for name in ("own covariances", "one pooled covariance")
    }
    claims = [
        Claim(
            f"{what}: of the order 1/√N",
            "constant after multiplication with √N",
            ", ".join(f"{getattr(one, name):.2f} (N = {one.samples})" for one in rates),
            max(getattr(one, name) for one in rates) / getattr(rates[0], name),
            *GROWS,
        )
        for what, name in (
            ("the mean resolvent is the equivalent, in Frobenius norm", "distance"),
            ("a single entry of the resolvent is its mean", "scatter"),
        )
    ]
    claims.append(
        Claim(
            "density of the eigenvalues of three classes, smoothed alike",
            "that of the equivalent",
            f"L1 distance {apart['own covariances']:.3f}; one pooled covariance {apart['one pooled covariance']:.3f}",
            apart["own covariances"],
            0.03,
            "of an area of one; the samples know it to a hundredth",
        )
    )
    facts = {"rates": [vars(one) for one in rates], "density": apart}
    return Study(claims, {"density": _chart(found)}, facts, {"rates": _table(rates)})


def _table(rates: Sequence[Rate]) -> str:
    rows = [(f"{one.samples}", f"{one.distance:.3f}", f"{one.scatter:.3f}") for one in rates]
    return markdown(("N", "√N ‖E R − R̃‖", "√N sd(R₁₁)"), rows)


def _chart(found: dict[str, np.ndarray]) -> alt.LayerChart:
    names = ["own covariances", "one pooled covariance", "samples"]
    rows = [
        {"eigenvalue": x, "density": y, "what": name}
        for name in names
        for x, y in zip(found["at"].tolist(), found[name].tolist(), strict=True)
    ]
    x, y = charts.axis("eigenvalue", "eigenvalue"), charts.axis("density", "density")
    legend = charts.colour("what", "", names)
    notes = ["Three classes, 100 features, 200 samples; all smoothed by the same width"]
    lines = [row for row in rows if row["what"] != "samples"]
    dots = [row for row in rows if row["what"] == "samples"]
    return charts.chart(
        "Eigenvalues of a scatter of three classes",
        notes,
        charts.lines(lines, x, y, legend),
        charts.points(dots, x, y, legend),
    )


if __name__ == "__main__":
    main("resolvent", study)
