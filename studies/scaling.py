"""Scaling laws: does the error of one pass of SGD fall with samples and width by the exponents of the spectrum?

Features are Gaussian with eigenvalues i^(−a), the target has no preferred directions, noise has a variance of 1. One
pass of SGD over N samples begins at zero and halves its step after every N/log₂ N of them; N_eff = N/log₂ N. *Sketched*
features are M random projections of the d there are. Lin et al. 2024 (arXiv 2406.08466) say that the error beyond noise
is

    M^(−(a − 1))  +  N_eff^(−(a − 1)/a)         the first: what M projections cannot express; the second: bias

with a factor each, while the noise adds less than the second. Nothing is sampled but the projections: along the
eigenvectors of the (sketched) covariance, the expected square v_i of each coordinate of the error follows

    v_i ← (1 − 2ηs_i + 2(ηs_i)²) v_i + η² s_i (Σ_j s_j v_j + noise)

exactly, by the fourth moments of Gaussian features. The first claim holds it against sampled runs.
"""

from dataclasses import dataclass
from functools import cache

import altair as alt
import numpy as np
from scipy.optimize import least_squares

import penultimate as pen
from studies import charts
from studies.results import NEVER, Claim, Study, main, markdown

EXPONENTS = (1.5, 2.0, 2.5)
SEPARATE = (0.07, "the worst of the exponents in a trial run, rounded up")
# Step sizes beyond this share of one over the trace diverge; the least of both is taken.
_STEP, _STABLE = 0.25, 0.5


@dataclass(frozen=True)
class Features:
    """Sketched or plain features, along the eigenvectors of their covariance.

    Attributes
    ----------
    spectrum : ndarray of shape (M,)
        s, of the covariance.
    target : ndarray of shape (M,)
        Expected squared coefficients of the best linear head.
    unexplained : float
        Error of that head beyond noise.
    """

    spectrum: np.ndarray
    target: np.ndarray
    unexplained: float

    @classmethod
    def plain(cls, exponent: float, width: int) -> "Features":
        """All d of them."""
        return cls(np.arange(1, width + 1.0) ** -exponent, np.ones(width), 0.0)

    @classmethod
    def sketched(cls, exponent: float, width: int, number: int, rng: np.random.Generator) -> "Features":
        """Some random projections of them; what lies beyond rank d acts as its expectation."""
        spectrum = np.arange(1, width + 1.0) ** -exponent
        tail = (width + 0.5) ** (1 - exponent) / (exponent - 1)
        covariance, squares = tail / number * np.eye(number), np.zeros((number, number))
        for first in range(0, width, 4000):
            part = spectrum[first : first + 4000]
            projections = rng.standard_normal((number, part.size)) / np.sqrt(number)
            covariance += (projections * part) @ projections.T
            squares += (projections * part**2) @ projections.T
        values, vectors = np.linalg.eigh(covariance)
        found = np.einsum("ij,ik,kj->j", vectors, squares, vectors, optimize=True)
        return cls(values, found / values**2, float(spectrum.sum() + tail - np.sum(found / values)))


def schedule(samples: int, step: float) -> np.ndarray:
    """The step at each sample."""
    return step / 2.0 ** (np.arange(samples) // max(1, int(samples / np.log2(samples))))


def step_size(features: Features) -> float:
    """The first step."""
    return min(_STEP, _STABLE / float(features.spectrum.sum()))


def expected(features: Features, samples: int, noise: float) -> tuple[float, float]:
    """Expected error of the last head beyond the best one's: by the target (bias), and by noise (variance)."""
    s = features.spectrum
    bias, variance = features.target.copy(), np.zeros_like(s)
    for step in schedule(samples, step_size(features)):
        keep = 1 - 2 * step * s + 2 * (step * s) ** 2
        push = step**2 * s
        bias, variance = keep * bias + push * (s @ bias), keep * variance + push * (s @ variance + noise)
    return float(s @ bias), float(s @ variance)


def sampled(features: Features, samples: int, noise: float, runs: int, rng: np.random.Generator) -> np.ndarray:
    """The same of runs that are made."""
    s = features.spectrum
    error = rng.standard_normal((runs, s.size)) * np.sqrt(features.target)
    for step in schedule(samples, step_size(features)):
        rows = rng.standard_normal((runs, s.size)) * np.sqrt(s)
        slack = np.einsum("rm,rm->r", rows, error) - np.sqrt(noise) * rng.standard_normal(runs)
        error -= step * slack[:, None] * rows
    return np.square(error) @ s


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Exponent of a falling power."""
    return -float(np.polyfit(np.log(x), np.log(y), 1)[0])


def effective(samples: np.ndarray) -> np.ndarray:
    """N/log₂ N."""
    return samples / np.log2(samples)


@cache
def by_samples(exponent: float, quick: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """N, bias and variance, unsketched."""
    numbers = np.array([250, 500, 1000] if quick else [500, 1000, 2000, 4000, 8000])
    found = [expected(Features.plain(exponent, 10_000 if quick else 60_000), int(n), 1.0) for n in numbers]
    return numbers, *np.array(found).T


@cache
def by_width(exponent: float, seed: int, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """M, and what so many projections cannot express."""
    numbers, rng = np.array([16, 32, 64] if quick else [16, 32, 64, 128, 256]), np.random.default_rng(seed)
    width, draws = (5000, 2) if quick else (20_000, 3)
    lost = [
        np.mean([Features.sketched(exponent, width, m, rng).unexplained for _ in range(draws)])
        for m in numbers.tolist()
    ]
    return numbers, np.array(lost)


def together(exponent: float, seed: int, quick: bool) -> tuple[float, float]:
    """Both exponents of the sum of two powers, fitted to the whole error on a grid of M and N."""
    rng = np.random.default_rng(seed)
    widths, numbers = (
        ([16, 32, 64], [250, 500, 1000]) if quick else ([16, 32, 64, 128, 256, 512], [250, 500, 1000, 2000, 4000])
    )
    errors = np.zeros((len(widths), len(numbers)))
    for i, width in enumerate(widths):
        for _ in range(2):
            features = Features.sketched(exponent, 5000 if quick else 12_000, width, rng)
            for j, number in enumerate(numbers):
                errors[i, j] += features.unexplained + sum(expected(features, number, 1.0 + features.unexplained))
    M, N = np.meshgrid(widths, effective(np.array(numbers)), indexing="ij")

    def residuals(q: np.ndarray) -> np.ndarray:
        return (np.log(np.exp(q[0]) * M ** -q[1] + np.exp(q[2]) * N ** -q[3]) - np.log(errors)).ravel()

    found = least_squares(residuals, [0.0, exponent - 1, 0.0, 1 - 1 / exponent]).x
    return float(found[1]), float(found[3])


def planted(exponent: float, seed: int, quick: bool) -> pen.ScalingLaw:
    """What `scaling_law` says of wide features of a sample."""
    width, samples = (1000, 2000) if quick else (2000, 8000)
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((samples, width)) * np.arange(1, width + 1.0) ** (-exponent / 2)
    return pen.scaling_law(np.linalg.eigvalsh(rows.T @ rows / samples), samples)


def refused() -> list[str]:
    """Bundled features whose spectrum `scaling_law` takes for no power law, in total and within classes."""
    names = []
    for name in pen.datasets.feature_names():
        source = pen.datasets.features(name)
        statistics = pen.FeatureStatistics(10, 64)
        for batch in source.batches():
            statistics.update(batch.features, batch.labels)
        for what, scatter in (("total", statistics.total_scatter), ("within", statistics.within_scatter)):
            try:
                pen.scaling_law(np.clip(np.linalg.eigvalsh(scatter), 0.0, None))
            except pen.FeaturesError:
                names.append(f"{name}, {what}")
    return names


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    claims = [_recursion(seed, quick)]
    for a in EXPONENTS:
        numbers, bias, _ = by_samples(a, quick)
        claims.append(_separate(a, "bias over N_eff, all features", slope(effective(numbers), bias), 1 - 1 / a))
    for a in EXPONENTS:
        claims.append(_separate(a, "what M projections cannot express", slope(*by_width(a, seed, quick)), a - 1))
    fitted = {a: together(a, seed, quick) for a in EXPONENTS[:2]}
    for a, found in fitted.items():
        apart = max(abs(found[0] / (a - 1) - 1), abs(found[1] / (1 - 1 / a) - 1))
        claims.append(
            Claim(
                f"a = {a:g}: both exponents from one fit to the whole error, noise included",
                f"{a - 1:.3f} (M), {1 - 1 / a:.3f} (N_eff)",
                f"{found[0]:.3f}, {found[1]:.3f}",
                apart,
                *SEPARATE,
            )
        )
    laws = {a: planted(a, seed, quick) for a in EXPONENTS}
    for a, law in laws.items():
        claims.append(
            Claim(
                f"a = {a:g}: `scaling_law` finds it in wide features of a sample",
                f"{a:g}",
                f"{law.exponent:.3f}, ranks {law.first} to {law.last}",
                abs(law.exponent / a - 1),
                0.03,
                "three in a hundred: sampling of the top eigenvalues",
            )
        )
    spectra, names = 2 * len(pen.datasets.feature_names()), refused()
    claims.append(
        Claim(
            "`scaling_law` refuses the features of the bundled networks",
            f"{spectra} of {spectra} spectra",
            f"{len(names)}",
            float(spectra - len(names)),
            *NEVER,
        )
    )
    facts = {
        "bias": {f"{a:g}": [*by_samples(a, quick)] for a in EXPONENTS},
        "unexplained": {f"{a:g}": [*by_width(a, seed, quick)] for a in EXPONENTS},
        "together": {f"{a:g}": list(found) for a, found in fitted.items()},
    }
    return Study(claims, {"curves": _chart(seed, quick)}, facts, {"exponents": _table(fitted, seed, quick)})


def _recursion(seed: int, quick: bool) -> Claim:
    rng = np.random.default_rng(seed)
    features = Features.sketched(1.5, 4000, 50, rng)
    noise = 1.0 + features.unexplained
    exact = sum(expected(features, 300, noise))
    runs = sampled(features, 300, noise, 400 if quick else 4000, rng)
    spread = float(runs.std() / np.sqrt(runs.size))
    return Claim(
        "the recursion is the mean of sampled runs (a = 1.5, M = 50, N = 300)",
        f"{exact:.4f}",
        f"{runs.mean():.4f} ± {spread:.4f}",
        abs(float(runs.mean()) - exact) / spread,
        3.0,
        "standard errors of the mean",
    )


def _separate(exponent: float, what: str, found: float, predicted: float) -> Claim:
    return Claim(
        f"a = {exponent:g}: exponent of {what}",
        f"{predicted:.3f}",
        f"{found:.3f}",
        abs(found / predicted - 1),
        *SEPARATE,
    )


def _table(fitted: dict[float, tuple[float, float]], seed: int, quick: bool) -> str:
    rows = []
    for a in EXPONENTS:
        numbers, bias, variance = by_samples(a, quick)
        rows.append(
            (
                f"{a:g}",
                f"{slope(*by_width(a, seed, quick)):.3f} ({a - 1:.3f})",
                f"{slope(effective(numbers), bias):.3f} ({1 - 1 / a:.3f})",
                f"{fitted[a][0]:.3f}, {fitted[a][1]:.3f}" if a in fitted else "–",
                f"{variance[-1] / bias[-1]:.2f}",
            )
        )
    head = ("a", "in M (theory)", "in N_eff (theory)", "from one fit: M, N_eff", "variance over bias, largest N")
    return markdown(head, rows)


def _chart(seed: int, quick: bool) -> alt.HConcatChart:
    names = [f"a = {a:g}" for a in EXPONENTS]
    legend = charts.colour("a", "", names)
    parts = []
    for title, label, curves in (
        (
            "Bias of one pass",
            "N_eff",
            {a: (effective(by_samples(a, quick)[0]), by_samples(a, quick)[1]) for a in EXPONENTS},
        ),
        ("What projections cannot express", "M", {a: by_width(a, seed, quick) for a in EXPONENTS}),
    ):
        x, y = charts.axis("x", label, log=True), charts.axis("y", "error beyond noise", log=True)
        found, lines = [], []
        for name, (a, (numbers, values)) in zip(names, curves.items(), strict=True):
            power = 1 - 1 / a if label == "N_eff" else a - 1
            middle = np.exp(np.mean(np.log(values) + power * np.log(numbers)))
            for n, value in zip(numbers.tolist(), values.tolist(), strict=True):
                found.append({"x": n, "y": value, "a": name})
                lines.append({"x": n, "y": float(middle * n**-power), "a": name})
        layers = charts.lines(lines, x, y, legend), charts.points(found, x, y, legend)
        parts.append(alt.layer(*layers).properties(width=charts.WIDTH // 2 - 40, height=200, title=title))
    notes = ["Points: exact expectations. Lines: the exponents of the theory, through their middle"]
    return charts.titled(alt.hconcat(*parts), "Exponents of scaling", notes)


if __name__ == "__main__":
    main("scaling", study)
