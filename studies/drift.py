"""Does the test of drift keep its level, and does it find what is planted? Real held-out features, and many classes.

Samples of held-out features are dealt to two sides: then nothing moved. Or class 6 of the current side is planted on
the way to the class nearest to it. Many classes are simulated, Gaussian with covariances of their own. Beside it what
people do who have no labels: the head's probabilities as weights.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import altair as alt
import numpy as np

import penultimate as pen
from penultimate.drifts.neighbours import neighbours
from penultimate.drifts.p_values import by_moments
from penultimate.drifts.samples import first_look
from penultimate.drifts.shape import shapes as shape_tests
from penultimate.drifts.sides import two_sides
from penultimate.features.sources.in_memory import Samples, gather
from studies import charts
from studies.results import Claim, Study, main, markdown

NETWORKS = ("cnn-ce-test", "cnn-mse-test")
# Samples of a class in the reference and on the current side.
SIZES = ((30, 20), (100, 5), (100, 20), (100, 60), (400, 60))
MOVED, WAY, LEVEL = 6, 0.3, 0.05
# Classes, features, samples of a class on the current side, draws.
MANY = ((100, 128, 20, 200), (100, 128, 60, 100), (1000, 128, 20, 80))
ALONE, TOLD = "frames as if independent", "groups told"
LABELS, WEIGHTS = "labels", "the head's probabilities as weights"

Deal = Callable[[np.random.Generator], tuple[Samples, Samples]]


class Found(NamedTuple):
    """One setting, over draws.

    Attributes
    ----------
    data : str
    sizes : tuple of int
        Samples of a class on either side.
    draws : int
    size : float
        Share of classes with p below 5 % where none moved.
    some : float
        Share of draws in which some class is said to have moved where none has.
    power : float
        Share of draws in which p of the moved class is below 5 %.
    named : float
        The same after Holm's correction.
    """

    data: str
    sizes: tuple[int, int]
    draws: int
    size: float
    some: float
    power: float
    named: float


@cache
def bundled(network: str) -> Samples:
    """Held-out features of a bundled network."""
    return gather(pen.datasets.features(network))


def dealt(samples: Samples, sizes: tuple[int, int], rng: np.random.Generator) -> tuple[Samples, Samples]:
    """So many samples of each class for either side, each sample once."""
    rows: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    for k in range(int(samples.labels.max()) + 1):
        own = rng.permutation(np.flatnonzero(samples.labels == k))
        rows[0].append(own[: sizes[0]])
        rows[1].append(own[sizes[0] : sum(sizes)])
    return samples.take(np.concatenate(rows[0])), samples.take(np.concatenate(rows[1]))


def towards_nearest(samples: Samples, means: np.ndarray, k: int = MOVED, way: float = WAY) -> Samples:
    """A class moved part of the way to the nearest other mean."""
    far = np.sum((means - means[k]) ** 2, axis=1)
    target = int(np.argsort(far)[1])
    step = way * (means[target] - means[k])
    return Samples(samples.features + np.where((samples.labels == k)[:, None], step, 0.0), samples.labels)


def class_means(samples: Samples) -> np.ndarray:
    """Of all classes."""
    return np.stack([samples.features[samples.labels == k].mean(axis=0) for k in range(int(samples.labels.max()) + 1)])


def compared(one: Samples, other: Samples) -> pen.Drift:
    """The drift of two sides."""
    return pen.drift(pen.ArraySource(*one), pen.ArraySource(*other))


def found(data: str, sizes: tuple[int, int], deal: Deal, means: np.ndarray, draws: int, seed: int) -> Found:
    """Draw both sides so often, once as they are and once with a class moved."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        one, other = deal(rng)
        # Of ten classes the one that lost most recall; of many simulated ones any, for power differs between them.
        k = MOVED if len(means) == 10 else int(rng.integers(len(means)))
        null, planted = compared(one, other), compared(one, towards_nearest(other, means, k))
        drawn.append((np.mean(null.p <= LEVEL), null.moved.any(), planted.p[k] <= LEVEL, planted.moved[k]))
    return Found(data, sizes, draws, *np.mean(drawn, axis=0).tolist())


def simulated(classes: int, width: int, seed: int) -> tuple[np.ndarray, Callable[[int, np.random.Generator], Samples]]:
    """Gaussian classes with covariances of their own: unit noise, and twenty directions in which each varies more."""
    rng = np.random.default_rng(seed)
    means = 0.35 * rng.standard_normal((classes, width))
    factors = 0.25 * rng.standard_normal((classes, width, 20))

    def draw(number: int, rng: np.random.Generator) -> Samples:
        labels = np.repeat(np.arange(classes), number)
        features = rng.standard_normal((len(labels), width), dtype=np.float32)
        for k in range(classes):
            own = slice(k * number, (k + 1) * number)
            features[own] += means[k] + rng.standard_normal((number, 20)) @ factors[k].T
        return Samples(features, labels)

    return means, draw


def unlabelled(network: str, sizes: tuple[int, int], draws: int, seed: int) -> dict[str, float]:
    """Power for the moved class with labels, and with the head's probabilities in their place on both sides."""
    samples, rng = bundled(network), np.random.default_rng(seed)
    head, means = pen.datasets.features(network).head, class_means(samples)
    hits = {LABELS: 0, WEIGHTS: 0}
    for _ in range(draws):
        one, other = dealt(samples, sizes, rng)
        other = towards_nearest(other, means)
        hits[LABELS] += bool(compared(one, other).p[MOVED] <= LEVEL)
        hits[WEIGHTS] += bool(_by_weights(one, other, head) <= LEVEL)
    return {what: hit / draws for what, hit in hits.items()}


def _by_weights(one: Samples, other: Samples, head: pen.Head) -> float:
    """The same test with means over all samples, each weighted with the probability of the class."""
    statistics = [pen.FeatureStatistics.from_features(*side) for side in (one, other)]
    about = neighbours(*statistics)
    sums, noise = [], 0.0
    for side in (one, other):
        scores = head.logits(side.features)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights = (weights / weights.sum(axis=1, keepdims=True))[:, MOVED]
        z = (side.features - about.centres[MOVED]) @ about.basis[MOVED]
        mean = weights @ z / weights.sum()
        spread = weights[:, None] * (z - mean) / weights.sum()
        sums.append(mean)
        noise = noise + spread.T @ spread
    return by_moments(float(np.sum((sums[0] - sums[1]) ** 2)), np.asarray(noise))


def in_groups(draws: int, seed: int, frames: int = 5, alike: float = 0.6) -> dict[str, float]:
    """Size of the test at 5 % with frames of videos, none of which moved: as they are, and with their groups told."""
    rng, classes, width = np.random.default_rng(seed), 12, 32
    means = rng.standard_normal((classes, width))
    hits = {ALONE: 0.0, TOLD: 0.0}

    def videos(number: int) -> tuple[pen.ArraySource, np.ndarray]:
        rows = np.repeat(np.arange(classes * number), frames)
        own = np.sqrt(alike) * rng.standard_normal((classes * number, width))
        labels = rows // number
        features = means[labels] + own[rows] + np.sqrt(1.0 - alike) * rng.standard_normal((len(rows), width))
        return pen.ArraySource(features, labels), rows

    for _ in range(draws):
        (one, first), (other, second) = videos(40), videos(25)
        hits[ALONE] += float(np.mean(pen.drift(one, other).p <= LEVEL))
        hits[TOLD] += float(np.mean(pen.drift(one, other, groups=(first, second)).p <= LEVEL))
    return {what: hit / draws for what, hit in hits.items()}


def shapes(network: str, sizes: tuple[int, int], draws: int, seed: int) -> dict[str, tuple[float, float]]:
    """Power of both tests for the moved class: shift and shape, by what was planted."""
    samples, rng = bundled(network), np.random.default_rng(seed)
    hits = {"nothing": np.zeros(2), "scatter × 1.25": np.zeros(2), "0.15 scatters aside": np.zeros(2)}
    for _ in range(draws):
        one, other = dealt(samples, sizes, rng)
        own = other.labels == MOVED
        aside = rng.standard_normal(samples.features.shape[1])
        centred = other.features[own] - other.features[own].mean(axis=0)
        aside *= 0.15 * np.sqrt(np.mean(np.sum(centred**2, axis=1))) / np.linalg.norm(aside)
        for what, step in (("nothing", 0.0), ("scatter × 1.25", 0.25 * centred), ("0.15 scatters aside", aside)):
            features = other.features.astype(np.float64)
            features[own] += step
            features = pen.ArraySource(features, other.labels)
            drift = pen.drift(pen.ArraySource(*one), features)
            shape = _shape_p(pen.ArraySource(*one), features, rng)
            hits[what] += (drift.p[MOVED] <= LEVEL, shape <= LEVEL)
    return {what: tuple((hit / draws).tolist()) for what, hit in hits.items()}


def _shape_p(one: pen.ArraySource, other: pen.ArraySource, rng: np.random.Generator) -> float:
    """Of the moved class alone: a tenth of the time."""
    sides = two_sides(one, other)[:2]
    about = neighbours(*(first_look(side.given, 10) for side in sides))
    return float(shape_tests("mmd", sides, about, np.arange(10) == MOVED, LEVEL, rng).p[MOVED])


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    real = [
        _real(network, sizes, 5 if quick else 400, seed)
        for network in NETWORKS
        for sizes in (SIZES[2:3] if quick else SIZES)
    ]
    many = [_many(12, 16, 20, 3, seed)] if quick else [_many(*setting, seed) for setting in MANY]
    weighted = {network: unlabelled(network, (100, 60), 5 if quick else 400, seed + 1) for network in NETWORKS}
    planted = {network: shapes(network, (100, 60), 2 if quick else 100, seed + 2) for network in NETWORKS}
    videos = in_groups(3 if quick else 200, seed + 3)
    settings = [*real, *many]
    families = [one for one in settings if one.sizes[1] >= 20]
    claims = [
        Claim(
            "size of the test at 5 %",
            "0.03 … 0.08 from 30 + 20 samples on",
            ", ".join(f"{one.size:.3f}" for one in families),
            max(abs(one.size - 0.055) for one in families),
            0.025,
            "the range above; 400 draws of ten classes know it to 0.005",
        ),
        Claim(
            "some class is said to have moved where none has",
            "in at most 8 % of draws (Holm, 5 %)",
            ", ".join(f"{one.some:.3f}" for one in families),
            max(one.some for one in families),
            0.08,
            "5 %, and three standard errors of 200 draws would be 0.046 more, of 80 draws 0.073",
        ),
        Claim(
            "size at 5 % of frames of videos, whose groups are told",
            "0.03 … 0.08",
            f"{videos[TOLD]:.3f}; as if independent {videos[ALONE]:.3f}",
            abs(videos[TOLD] - 0.055),
            0.025,
            "the range asked of independent samples",
        ),
        *_power("100 + 60 samples", 0.85, [one for one in settings if one.sizes == (100, 60)]),
        *_power("100 + 20 samples, ten classes", 0.4, [one for one in real if one.sizes == (100, 20)]),
        *_power(
            "100 + 20 samples, 100 classes",
            0.75,
            [one for one in many if one.data.startswith("K = 100,") and one.sizes == (100, 20)],
        ),
    ]
    facts = {
        "settings": [one._asdict() for one in settings],
        "without labels": weighted,
        "shapes": planted,
        "groups": videos,
    }
    tables = {"sizes": _table(settings), "labels": _of_labels(weighted), "shapes": _of_shapes(planted)}
    return Study(claims, {"power": _chart(real)}, facts, tables)


def _real(network: str, sizes: tuple[int, int], draws: int, seed: int) -> Found:
    samples = bundled(network)
    return found(network, sizes, lambda rng: dealt(samples, sizes, rng), class_means(samples), draws, seed)


def _many(classes: int, width: int, number: int, draws: int, seed: int) -> Found:
    means, draw = simulated(classes, width, seed)
    return found(
        f"K = {classes}, d = {width}",
        (100, number),
        lambda rng: (draw(100, rng), draw(number, rng)),
        means,
        draws,
        seed,
    )


def _power(which: str, least: float, settings: Sequence[Found]) -> list[Claim]:
    if not settings:
        return []
    return [
        Claim(
            f"power for {WAY} of the way to the nearest class: {which}",
            f"at least {least}",
            ", ".join(f"{one.power:.2f} ({one.data})" for one in settings),
            least - min(one.power for one in settings),
            0.0,
            "what the test was chosen for",
        )
    ]


def _table(settings: Sequence[Found]) -> str:
    rows = [
        (
            one.data,
            f"{one.sizes[0]} + {one.sizes[1]}",
            f"{one.draws}",
            f"{one.size:.3f}",
            f"{one.some:.3f}",
            f"{one.power:.2f}",
            f"{one.named:.2f}",
        )
        for one in settings
    ]
    heads = ("data", "samples of a class", "draws", "size at 5 %", "some class named", "power", "power after Holm")
    return markdown(heads, rows)


def _of_labels(weighted: dict[str, dict[str, float]]) -> str:
    rows = [(network, f"{power[LABELS]:.2f}", f"{power[WEIGHTS]:.2f}") for network, power in weighted.items()]
    return markdown(("power at 100 + 60", LABELS, WEIGHTS), rows)


def _of_shapes(planted: dict[str, dict[str, tuple[float, float]]]) -> str:
    rows = [
        (network, what, f"{shift:.2f}", f"{shape:.2f}")
        for network, powers in planted.items()
        for what, (shift, shape) in powers.items()
    ]
    return markdown(("data", "planted", "shift", "shape (MMD)"), rows)


def _chart(real: Sequence[Found]) -> alt.LayerChart:
    rows = [
        {"setting": f"{one.sizes[0]} + {one.sizes[1]}", "share": value, "what": what, "data": one.data}
        for one in real
        for what, value in (("said wrongly", one.size), ("found", one.power))
    ]
    base = alt.Chart(alt.InlineData(values=rows))
    dots = base.mark_point(filled=True, size=60).encode(
        x=alt.X("setting:N", title="samples of a class, reference + current", sort=None),
        y=alt.Y("share:Q", title="p below 5 %"),
        color=charts.colour("what", "", ["said wrongly", "found"]),
        shape=alt.Shape("data:N", title=""),
    )
    line = alt.Chart(alt.InlineData(values=[{"level": LEVEL}])).mark_rule(strokeDash=[4, 3]).encode(y="level:Q")
    return alt.layer(dots, line).properties(title=f"A class that moved {WAY} of the way, and classes that did not")


if __name__ == "__main__":
    main("drift", study)
