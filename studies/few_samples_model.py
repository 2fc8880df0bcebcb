"""Classes that differ in few coordinates once features are whitened, under few directions of large scatter.

The model of Chen and Tang 2021 (arXiv 2110.01950), for any number of classes, and what they say of it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold

import penultimate as pen
from penultimate.heads.softmax import balanced_weights, inverse_temperature, log_losses
from studies.results import Claim, markdown

TESTED, FOLDS = 4000, 5
SCREENED, SPIKED, SHRUNK, PEER, BAYES = "screened", "spiked", "shrunk", "LDA auto", "Bayes"
HEADS = {
    SCREENED: pen.heads.SpikedDiscriminantHead(),
    SPIKED: pen.heads.SpikedDiscriminantHead(screen=None),
    SHRUNK: pen.heads.DiscriminantHead(),
}
# Width, counts, whitened coordinates that differ, spikes.
MODELS = {
    "d 500, 2 × 100, 8 coordinates": (500, (100, 100), 8, 3),
    "d 1,000, 2 × 50, 8 coordinates": (1000, (50, 50), 8, 3),
    "d 500, 60 … 10 of five, 15 coordinates": (500, (60, 40, 25, 15, 10), 15, 5),
    "d 500, 2 × 100, all coordinates": (500, (100, 100), 500, 3),
}
SPARSE, DENSE = "d 500, 2 × 100, 8 coordinates", "d 500, 2 × 100, all coordinates"
# Samples of each of two classes of this width, which differ in 8 coordinates.
SIZES, WIDTH = (30, 60, 120, 240, 480), 600


class SparseModel:
    """Gaussian classes of one covariance ``U diag(λ) U' + I``.

    Parameters
    ----------
    width, classes : int
        d and K.
    sparse : int
        Whitened coordinates in which means differ; all of them makes the model dense.
    spikes : int
        Directions of large scatter, of variances up to 51.
    seed : int
    distance : float
        Between whitened means: of two classes, or in the mean over several.
    """

    def __init__(self, width: int, classes: int, sparse: int, spikes: int, seed: int, *, distance: float = 3.0) -> None:
        self._rng = np.random.default_rng(seed)
        self._axes = np.linalg.qr(self._rng.normal(size=(width, spikes)))[0]
        self._deviations = np.sqrt(1.0 + 50.0 * np.arange(spikes, 0, -1) / max(spikes, 1))
        told = self._rng.choice(width, sparse, replace=False)
        means = np.zeros((classes, width))
        means[:, told] = self._rng.normal(size=(classes, sparse))
        means -= means.mean(axis=0)
        size = np.linalg.norm(means[0] - means[1]) if classes == 2 else np.linalg.norm(means) / np.sqrt(classes)
        self._means = means * distance / size
        self.told = told[np.argsort(-np.abs(self._means[:, told]).max(axis=0))]

    def draw(self, counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """So many samples of each class."""
        labels = np.repeat(np.arange(len(counts)), counts)
        white = self._rng.normal(size=(len(labels), self._means.shape[1])) + self._means[labels]
        along = white @ self._axes
        return white + (along * (self._deviations - 1.0)) @ self._axes.T, labels

    def bayes(self, rows: np.ndarray) -> np.ndarray:
        """The best answers, which know the model."""
        along = rows @ self._axes
        white = rows + (along * (1.0 / self._deviations - 1.0)) @ self._axes.T
        return np.argmax(white @ self._means.T - 0.5 * np.sum(self._means**2, axis=1), axis=1)


def errors(parameters: tuple[int, tuple[int, ...], int, int], seeds: range) -> tuple[dict[str, float], list[str]]:
    """Balanced error of every head on average, and which one cross-validation takes of the three that are ours."""
    width, counts, sparse, spikes = parameters
    found: dict[str, list[float]] = {}
    taken: list[str] = []
    for seed in seeds:
        model = SparseModel(width, len(counts), sparse, spikes, seed)
        rows, labels = model.draw(counts)
        tested, truth = model.draw([TESTED // len(counts)] * len(counts))
        shares = np.full(len(counts), 1 / len(counts))
        peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=shares)
        answers = {name: one.fit(rows, labels).predict(tested) for name, one in {**HEADS, PEER: peer}.items()}
        for name, own in {**answers, BAYES: model.bayes(tested)}.items():
            found.setdefault(name, []).append(float(np.mean(own != truth)))
        taken.append(min(HEADS, key=lambda name: _loss(HEADS[name], rows, labels)))
    return {name: float(np.mean(values)) for name, values in found.items()}, taken


def _loss(head: pen.heads.LinearHead, rows: np.ndarray, labels: np.ndarray) -> float:
    """Balanced log loss of parts that the head was not fitted to, at the temperature that suits it."""
    classes = int(labels.max()) + 1
    scores = np.zeros((len(labels), classes))
    for rest, part in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(rows, labels):
        scores[part] = head.fit(rows[rest], labels[rest]).head().logits(rows[part])
    factor = inverse_temperature(scores, labels, classes)
    return float(balanced_weights(labels, classes) @ log_losses(scores * factor, labels))


def reproduced(quick: bool, seed: int) -> tuple[list[Claim], dict[str, str], dict[str, object]]:
    """Claims, tables and figures of the model."""
    seeds = range(seed, seed + (1 if quick else 5))
    chosen = {name: MODELS[name] for name in (SPARSE, DENSE)} if quick else MODELS
    by_model = {name: errors(parameters, seeds) for name, parameters in chosen.items()}
    by_size = {size: errors((WIDTH, (size, size), 8, 3), seeds)[0] for size in (SIZES[:2] if quick else SIZES)}
    sparse = {name: found for name, (found, _) in by_model.items() if name != DENSE}
    claims = list(_claims(sparse, by_model, by_size))
    columns = (BAYES, SCREENED, SPIKED, SHRUNK, PEER)
    rows = [(name, *(f"{found[one]:.3f}" for one in columns)) for name, (found, _) in by_model.items()]
    sizes = [(f"{size:,}", *(f"{found[one]:.3f}" for one in columns)) for size, found in by_size.items()]
    tables = {
        "model": markdown(("model", *columns), rows),
        "model-sizes": markdown((f"samples of each of two classes, d {WIDTH}", *columns), sizes),
    }
    return claims, tables, {"models": by_model, "sizes": by_size}


def _claims(
    sparse: dict[str, dict[str, float]],
    by_model: dict[str, tuple[dict[str, float], list[str]]],
    by_size: dict[int, dict[str, float]],
) -> Iterator[Claim]:
    ratio = max(found[SCREENED] / found[PEER] for found in sparse.values())
    yield Claim(
        "few coordinates: error of the screened head over that of scikit-learn's LDA with shrinkage='auto'",
        "half or less", f"{ratio:.2f} at most", ratio, 0.5, "asked for",
    )  # fmt: skip
    above = max(found[SCREENED] - found[BAYES] for found in sparse.values())
    yield Claim("few coordinates: above the best possible error", "0 with many samples", f"{above:.3f} at most", above,
                0.03, "asked for")  # fmt: skip
    largest = by_size[max(by_size)]
    above = largest[SCREENED] - largest[BAYES]
    yield Claim(
        f"and with {max(by_size)} samples a class", "0 in the limit (Chen and Tang)", f"{above:+.3f}", above, 0.01,
        "two standard errors of 4,000 answers",
    )  # fmt: skip
    dense = by_model[DENSE][0]
    yield Claim(
        "all coordinates differ: screening loses", f"{dense[SPIKED]:.3f} unscreened", f"{dense[SCREENED]:.3f}",
        dense[SPIKED] - dense[SCREENED], 0.0, "sign",
    )  # fmt: skip
    right = [one == (SPIKED if name == DENSE else SCREENED) for name, (_, taken) in by_model.items() for one in taken]
    yield Claim("five-fold log loss takes the head that fits the model", f"{len(right)} times",
                f"{sum(right)} times", float(len(right) - sum(right)), 0.0, "all of them")  # fmt: skip
