"""Randomised singular vectors: from how many steps on do they say anything, and does their certificate hold?

Zhang and Tang (arXiv 2203.10262; docs/theory §12) multiply a Gaussian block g times with a matrix of signal and noise.
Below a threshold g* the result says nothing of the truth; one or two steps above it, it is as good as the exact
vectors. Symmetric matrices of 1,200 rows, three directions of equal strength ρ times the norm of the noise.

Then what the package builds on it: certificates of leading vectors against exact ones of random matrices; the edge of
noise with unequal rows; how far rows along the directions are known; and parts of real classes, cut at random, which
are the same where they are of one class.
"""

from dataclasses import dataclass

import altair as alt
import numpy as np
from scipy.special import chdtri, fdtrc

import penultimate as pen
from penultimate.features.passes.scatters import Scatters
from penultimate.noise.nearest_classes import equal_means
from studies import charts
from studies.certificates import measured
from studies.results import NEVER, Claim, Study, main, markdown

_RANK = 3
STEPS = (1.5, "a step and a half: errors fall from one to the last within two")
PLATEAU = (0.05, "a twentieth; the mean of five starts")
EDGE = (0.03, "promised for 1,000 rows and 300 columns or more")
# Samples of each of the parts that a class is cut into.
SIZES = (40, 20, 10, 5)


@dataclass(frozen=True)
class Transition:
    """One strength: errors to the truth after each number of steps, and of the exact vectors."""

    strength: float
    errors: tuple[float, ...]
    exact: float
    predicted: float

    @property
    def found(self) -> float:
        """Steps after which the error is half way from one to that of the exact vectors."""
        middle = 0.5 * (1.0 + self.exact)
        errors = np.array([1.0, *self.errors])
        first = int(np.argmax(errors < middle))
        return first - 1 + float((errors[first - 1] - middle) / (errors[first - 1] - errors[first]))


def transition(strength: float, size: int, steps: int, rng: np.random.Generator, starts: int = 5) -> Transition:
    """By simulation."""
    noise = rng.standard_normal((size, size))
    axes = np.linalg.qr(rng.standard_normal((size, _RANK)))[0]
    matrix = 2.0 * np.sqrt(size) * strength * axes @ axes.T + (noise + noise.T) / np.sqrt(2.0)

    def off(vectors: np.ndarray) -> float:
        return float(np.linalg.norm(vectors - axes @ (axes.T @ vectors), 2))

    errors = np.zeros(steps)
    for _ in range(starts):
        vectors = rng.standard_normal((size, _RANK))
        for step in range(steps):
            vectors = np.linalg.qr(matrix @ vectors)[0]
            errors[step] += off(vectors) / starts
    exact = off(np.linalg.eigh(matrix)[1][:, -_RANK:])
    predicted = np.log(np.sqrt(size / _RANK)) / np.log(strength + 0.25 / strength)
    return Transition(strength, tuple(errors.tolist()), exact, float(predicted))


def edges(spread: float, draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """Norm of noise with unequal rows, and its edge."""
    variance = np.exp(2.0 * spread * rng.standard_normal(2000))
    variance /= variance.mean()
    norms = [np.linalg.norm(rng.standard_normal((2000, 300)) * np.sqrt(variance)[:, None], 2) for _ in range(draws)]
    return float(np.mean(norms)), pen.noise.edge(variance, 300)


def coverage(strengths: tuple[float, ...], draws: int, rng: np.random.Generator) -> float:
    """Share of rows within the 95 % region about their true place along the directions found."""
    inside = []
    for _ in range(draws):
        deviation = np.exp(0.5 * rng.standard_normal(2000))
        noise = rng.standard_normal((2000, 300)) * deviation[:, None] / np.sqrt(np.mean(deviation**2))
        left, right = (np.linalg.qr(rng.standard_normal((side, _RANK)))[0] for side in noise.shape)
        rows = noise + (left * np.array(strengths)) @ right.T
        found = pen.noise.directions(rows)
        whole = rows / np.sqrt(found.row_variance)[:, None]
        axes = np.linalg.svd(whole, full_matrices=False)[2][: found.count]
        square = np.sum((noise @ axes.T) ** 2, axis=1) / found.row_variance
        inside.append(np.mean(square < chdtri(found.count, 0.05)))
    return float(np.mean(inside))


def parts(network: str, draws: int, seed: int) -> tuple[float, float, float, float]:
    """Size at 5 %, power at 1 %, the same of two parts of five samples, and directions, of parts of real classes."""
    batches = list(pen.datasets.features(network).batches())
    features = np.concatenate([np.asarray(batch[0], dtype=np.float64) for batch in batches])
    classes = np.concatenate([batch[1] for batch in batches])
    same, different, smallest, directions = [], [], [], []
    for draw in range(draws):
        rng, chosen, of = np.random.default_rng([seed, draw]), [], []
        for k in range(10):
            places = rng.permutation(np.flatnonzero(classes == k))[: sum(SIZES)]
            chosen += np.split(places, np.cumsum(SIZES)[:-1])
            of += [k] * len(SIZES)
        labels = np.repeat(np.arange(len(of)), [len(part) for part in chosen])
        rows = features[np.concatenate(chosen)]
        statistics = pen.FeatureStatistics.from_features(rows, labels)
        found = pen.noise.class_directions(statistics)
        scatters = Scatters(statistics, found.basis)
        scatters.update(rows, labels)
        pairs = np.column_stack(np.triu_indices(len(of), 1))
        test = equal_means(found, found.basis, pairs, scatters.sums)
        value = fdtrc(test.rank, test.second, test.ratio)
        alike = np.array(of)[pairs[:, 0]] == np.array(of)[pairs[:, 1]]
        least = (pairs % len(SIZES) == len(SIZES) - 1).all(axis=1)
        same.extend(value[alike])
        different.extend(value[~alike])
        smallest.extend(value[~alike & least])
        directions.append(found.count)
    size, power, few = (np.array(values) for values in (same, different, smallest))
    return (
        float(np.mean(size < 0.05)),
        float(np.mean(power < 0.01)),
        float(np.mean(few < 0.01)),
        float(np.mean(directions)),
    )


def study(quick: bool, seed: int = 0) -> Study:
    """Every claim."""
    rng = np.random.default_rng(seed)
    size, matrices = (300, 100) if quick else (1200, 10_000)
    found = [transition(strength, size, 10, rng) for strength in (1.6, 2.5, 5.0, 12.0)]
    claims = [_kink(one) for one in found] + [_plateau(one) for one in found]
    certified = [measured(1000 * seed + number) for number in range(matrices)]
    violated = sum(not one.holds for one in certified)
    claims.append(
        Claim(
            f"certificates of leading vectors, {matrices:,} random matrices",
            "none is violated",
            f"{violated} violated; {sum(one.says_something for one in certified) / matrices:.1%} say something",
            violated,
            *NEVER,
        )
    )
    for spread in (0.0, 0.5):
        norm, edge = edges(spread, 2 if quick else 8, rng)
        claims.append(
            Claim(
                f"edge of noise, 2,000 rows whose deviations spread by e^{spread:g}",
                f"{edge:.1f}",
                f"{norm:.1f}",
                abs(edge / norm - 1.0),
                *EDGE,
            )
        )
    inside = coverage((400.0, 200.0, 130.0), 2 if quick else 6, rng)
    claims.append(
        Claim(
            "rows in the 95 % region along the directions",
            "95 %",
            f"{inside:.1%}",
            abs(inside - 0.95),
            0.02,
            "promised",
        )
    )
    for network in ("cnn-mse-test", "cnn-ce-test"):
        claims += _parts(network, parts(network, 3 if quick else 25, seed))
    loose = float(np.median([one.loose for one in certified]))
    facts = {"transition": [vars(one) for one in found], "bound over the next singular value, median": loose}
    return Study(claims, {"transition": _chart(found)}, facts, {"transition": _table(found)})


def _kink(one: Transition) -> Claim:
    return Claim(
        f"steps until vectors are known, strength {one.strength:g} times the noise",
        f"g* = {one.predicted:.1f}",
        f"{one.found:.1f}",
        abs(one.found - one.predicted),
        *STEPS,
    )


def _plateau(one: Transition) -> Claim:
    return Claim(
        f"error after ten steps, strength {one.strength:g}",
        f"that of the exact vectors, {one.exact:.3f}",
        f"{one.errors[-1]:.3f}",
        abs(one.errors[-1] / one.exact - 1.0),
        *PLATEAU,
    )


def _parts(network: str, found: tuple[float, float, float, float]) -> list[Claim]:
    size, power, few, directions = found
    return [
        Claim(
            f"{network}: parts of one class are called different at 5 %",
            "in at most 5 %",
            f"{size:.1%}",
            max(size - 0.05, 0.0),
            *NEVER,
        ),
        Claim(
            f"{network}: parts of two classes are told at 1 %; those of five samples each",
            "95 % and more",
            f"{power:.1%}; {few:.1%}",
            max(0.95 - min(power, few), 0.0),
            0.02,
            "draws overlap: standard error about a hundredth",
        ),
        Claim(
            f"{network}: directions of 40 means of which 9 are real",
            "9",
            f"{directions:.2f}",
            abs(directions - 9.0),
            0.2,
            "one false or missed direction in five runs",
        ),
    ]


def _table(found: list[Transition]) -> str:
    head = ("strength", "g*", *(f"g = {step + 1}" for step in range(len(found[0].errors))), "exact", "1/(2ρ)")
    rows = [
        (
            f"{one.strength:g}",
            f"{one.predicted:.1f}",
            *(f"{error:.2f}" for error in one.errors),
            f"{one.exact:.3f}",
            f"{0.5 / one.strength:.3f}",
        )
        for one in found
    ]
    return markdown(head, rows)


def _chart(found: list[Transition]) -> alt.LayerChart:
    x, y = charts.axis("step", "steps g less g*"), charts.axis("error", "error to the truth", log=True)
    rows = [
        {"step": step + 1 - one.predicted, "error": error, "strength": f"{one.strength:g}"}
        for one in found
        for step, error in enumerate(one.errors)
    ]
    legend = charts.colour("strength", "strength over noise", [f"{one.strength:g}" for one in found])
    note = ["Errors fall from one as g passes g*, and level off at those of the exact vectors."]
    return charts.chart("From how many steps on singular vectors say anything", note, charts.lines(rows, x, y, legend))


if __name__ == "__main__":
    main("randomised_svd", study)
