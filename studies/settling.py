"""Problems for descent, and what is measured where it ends."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

import penultimate as pen
from penultimate.audits.alignment import Alignment, align
from penultimate.audits.last_layer import LastLayer
from penultimate.minimisers.shrinkage import Shrinkage
from studies.descent import GradientDescent, Model, Point, balanced_problem, steady_rate

LAYERS = (1, 2, 3)
# Relative excess of the objective below which a start is said to have reached the closed form.
_REACHED = 1e-9
# Singular values below this share of the largest are zero: descent decays them exponentially, but not to the last bit.
ZERO = 1e-6
# Far below that, and any product of such layers is still a number.
_LEAST = 1e-20
# Profiles of the quick form: all σ different, few different, all one.
_QUICK = ("exponential", "two groups", "balanced")


@dataclass(frozen=True)
class Case:
    """One problem, and from where descent starts."""

    profile: str
    counts: pen.ClassCounts
    layers: int
    bias: str
    scale: float

    @property
    def sigma(self) -> np.ndarray:
        """Singular values of the label matrix, largest first, with their multiplicity."""
        svd = pen.LabelSpectrum(self.counts, centred=self.bias == "free")
        return np.repeat(svd.sigma, svd.multiplicity)

    @property
    def problem(self) -> pen.Problem:
        """Its threshold lies between two singular values (or, if they are all one, below it)."""
        distinct = np.unique(self.sigma.round(9))[::-1]
        cut = distinct.size // 2
        threshold = np.sqrt(distinct[cut - 1] * distinct[cut]) if cut else 0.6 * distinct[0]
        return balanced_problem(self.counts, float(threshold), self.layers, self.bias)

    @property
    def threshold(self) -> float:
        """The σ below which directions should die."""
        samples = self.counts.samples
        return Shrinkage(samples, self.problem.kappa(samples), self.layers).threshold

    @property
    def survivors(self) -> int:
        """Directions that should live."""
        return int(np.sum(self.sigma > self.threshold))


def profiles(classes: int) -> dict[str, pen.ClassCounts]:
    """Counts of the kinds that the field uses, all small."""
    tailed = pen.ClassCounts.long_tailed
    return {
        "exponential": tailed(classes, 200, 50),
        "step": tailed(classes, 100, 10, "step"),
        "Zipf": tailed(classes, 200, 20, "zipf"),
        "two groups": pen.ClassCounts([90] * (classes // 4) + [12] * (classes - classes // 4)),
        "balanced": pen.ClassCounts([40] * classes),
    }


def cases(quick: bool) -> Iterator[Case]:
    """Every problem with small starts, as networks have them, and with large ones."""
    for classes in (4,) if quick else (4, 10, 20):
        for profile, counts in profiles(classes).items():
            if quick and profile not in _QUICK:
                continue
            for layers in LAYERS:
                for bias in ("free", "none"):
                    yield from (Case(profile, counts, layers, bias, scale) for scale in (0.1, 1.0))


@dataclass(frozen=True)
class End:
    """Where the starts of one case ended.

    Attributes
    ----------
    excess : ndarray of shape (S,)
        Objective over that of the closed form, less one.
    singular : ndarray of shape (S, r)
        Singular values of the centred product, largest first.
    alignments : list of Alignment
        Of every start, along the directions of the label matrix.
    settled : ndarray of bool of shape (S,)
        Where descent has come to rest: the gradient is a millionth of what weight decay alone made it at the start.
    bound : float
        For one layer: largest ‖T − diag x‖ on the way, over the √(2 N excess) that strong convexity allows; else 0.
    path : list of dict
        On the way: step, median excess, off-diagonal shares and cosine.
    """

    case: Case
    excess: np.ndarray
    singular: np.ndarray
    alignments: list[Alignment]
    settled: np.ndarray
    bound: float
    path: list[dict[str, float]]

    @property
    def reached(self) -> np.ndarray:
        """Which starts reached the closed form."""
        return self.excess <= _REACHED

    @property
    def living(self) -> np.ndarray:
        """Directions alive at the end of every start."""
        return np.sum(self.singular > ZERO * self.case.sigma[0], axis=1)

    @property
    def strength_error(self) -> float:
        """Largest distance of singular values from the closed form's, over σ_1, among starts that reached it."""
        solution = pen.minimise(self.case.counts, self.case.problem)
        expected = np.sort(np.repeat(solution.strength, solution.multiplicity))[::-1]
        return float(np.abs(self.singular[self.reached] - expected).max() / self.case.sigma[0])


def settle(case: Case, starts: int, seed: int, steps: int) -> End:
    """Descend from several starts at once; measure on the way, ever more rarely, and at the end."""
    model = Model.of_means(case.counts, case.problem)
    at = model.start(case.scale, starts, seed)
    size = _norm(at)
    method = GradientDescent(steady_rate(model), momentum=0.9)
    closed = pen.minimise(case.counts, case.problem)
    path, bound, looks = [], 0.0, set(np.geomspace(10, steps, 12).astype(int).tolist())
    for step in range(1, steps + 1):
        method.step(at, model.gradient(at))
        if step in looks:
            excess = model.value(at) / closed.objective - 1
            layers = [_layer(case, at, start) for start in range(starts)]
            alignments = [align(layer, closed.geometry.svd, None) for layer in layers]
            products = np.stack([_product(layer) for layer in layers])
            path.append({"step": step, "excess": float(np.median(excess)), **_typical(alignments)})
            bound = max(bound, _bound(closed, products, excess) if case.layers == 1 else 0.0)
    singular = np.linalg.svd(products, compute_uv=False)[:, : closed.geometry.svd.rank]
    settled = _norm(model.gradient(at)) <= 1e-6 * model.feature_decay * size
    return End(case, excess, singular, alignments, settled, bound, path)


def _norm(point: Point) -> np.ndarray:
    return np.sqrt(sum(np.sum(part**2, axis=tuple(range(1, part.ndim))) for part in point.parts()))


def _layer(case: Case, at: Point, start: int) -> LastLayer:
    head = pen.Head(tuple(_held(weight[start]) for weight in at.weights), at.bias[start])
    return LastLayer(case.counts, at.features[start], head, None, centred=case.bias == "free")


def _held(weights: np.ndarray) -> np.ndarray:
    """Where all directions die, descent shrinks weights without end; `Head` refuses what no training gives."""
    size = np.abs(weights).max()
    return weights * (_LEAST / size) if 0 < size < _LEAST else weights


def _product(layer: LastLayer) -> np.ndarray:
    return layer.head.product @ (layer.centred_means * np.sqrt(layer.counts.values)[:, None]).T


def _bound(closed: pen.Solution, products: np.ndarray, excess: np.ndarray) -> float:
    """Largest distance from the ideal product over √(2N (objective − minimum)), as long as that is not rounding."""
    svd = closed.geometry.svd
    strength = np.repeat(closed.strength, closed.multiplicity)
    ideal = (svd.vectors("left") * strength) @ svd.vectors("right").T
    sound = excess > _REACHED
    if not sound.any():
        return 0.0
    room = np.sqrt(2 * closed.counts.samples * closed.objective * excess[sound])
    return float((np.linalg.norm(products[sound] - ideal, axis=(1, 2)) / room).max())


def _typical(alignments: list[Alignment]) -> dict[str, float]:
    """Medians over the starts of what findings 3 and 4 say is zero."""
    off = [max(a.head_off_diagonal_share, a.means_off_diagonal_share) for a in alignments]
    away = [1 - np.min(a.cosine[a.strength > 0.01 * a.sigma], initial=1.0) for a in alignments]
    return {"off_diagonal": float(np.median(off)), "away": float(np.median(away))}


def stationary(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Both roots of x + N κ x^{p−1} = σ for every σ: the barrier, and the strength; NaN where there are none."""
    problem, samples = case.problem, case.counts.samples
    power, scale = problem.exponent - 1.0, samples * problem.kappa(samples)
    if case.layers == 1:
        return np.zeros(case.sigma.size), np.where(case.sigma > scale, case.sigma - scale, np.nan)
    lowest = (-power * scale) ** (1.0 / (1.0 - power))  # where x + N κ x^{p−1} is least
    roots = np.full((2, case.sigma.size), np.nan)
    for i, sigma in enumerate(case.sigma):
        if sigma > lowest + scale * lowest**power:
            ends = ((1e-12 * lowest, lowest), (lowest, sigma))
            roots[:, i] = [brentq(lambda x, s=sigma: x + scale * x**power - s, *pair, xtol=1e-13) for pair in ends]
    return roots[0], roots[1]


def off_the_list(end: End) -> float:
    """Largest distance, relative to σ_1, of the singular values at rest from 0 and the roots of the theory."""
    if not end.settled.any():
        return 0.0
    allowed = np.append(stationary(end.case)[1], 0.0)
    allowed = allowed[np.isfinite(allowed)]
    distance = np.abs(end.singular[end.settled][:, :, None] - allowed).min(axis=2)
    return float(distance.max() / end.case.sigma[0])


def barrier(case: Case, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The strength above which an aligned, balanced start of each direction survives: the root, and by bisection."""
    svd, counts = pen.LabelSpectrum(case.counts), case.counts
    model = Model.of_means(counts, case.problem)
    left, right = svd.vectors("left").T, (svd.vectors("right") / np.sqrt(counts.values)[:, None]).T
    predicted, strength = stationary(case)
    there = np.isfinite(predicted)
    low, high = 1e-3 * predicted[there], strength[there]
    for _ in range(14):
        middle = np.sqrt(low * high)
        size = middle[:, None] ** (1 / (case.layers + 1))  # factors are balanced when each has x^{1/(L+1)}
        at = model.start(0.0, middle.size, 0)
        at.features[:, :, 0], at.weights[-1][:, :, 0] = size * right[there], size * left[there]
        for weight in at.weights[:-1]:
            weight[:, 0, 0] = size[:, 0]
        at.bias[:] = counts.values / counts.samples
        before, method = np.sum(at.features**2, axis=(1, 2)), GradientDescent(steady_rate(model))
        for _ in range(steps):
            method.step(at, model.gradient(at))
        alive = np.sum(at.features**2, axis=(1, 2)) > before
        low, high = np.where(alive, low, middle), np.where(alive, middle, high)
    return predicted[there], np.sqrt(low * high)
