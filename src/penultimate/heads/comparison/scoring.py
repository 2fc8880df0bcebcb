"""How good a head's answers are, and intervals of what it gains over another on the same samples.

Every figure but the plain accuracy is for balanced classes: samples are weighted so that each class that has some
counts alike. The bootstrap draws samples within their classes, the same for all heads, so differences are paired.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import softmax

from penultimate.heads.kernel_head import AnyHead
from penultimate.heads.softmax import balanced_weights, log_losses
from penultimate.probabilities.deciding import least_costly

BANDS = ("many", "medium", "few")
FIGURES = ("accuracy", "balanced_accuracy", *BANDS, "macro_f1", "calibration_error", "log_loss")
# One more where answers have costs.
COST = "cost"
REPLICATES = 1000
# Bins of confidence, of equal width (Guo et al. 2017, arXiv 1706.04599).
BINS = 15
# Entries of counts of draws that are held at a time.
_ENTRIES = 1 << 22


@dataclass(frozen=True)
class Answers:
    """What a head said of M samples, in each of R repeats.

    Attributes
    ----------
    predicted : ndarray of shape (R, M), int32
    confidence, loss : ndarray of shape (R, M)
        Probability of the answer, and −log of that of the true class.
    costs : ndarray of shape (K, K), optional
        By which the answer is the one of least expected cost; the likeliest without.
    """

    predicted: Int[np.ndarray, "R M"]
    confidence: Float[np.ndarray, "R M"]
    loss: Float[np.ndarray, "R M"]
    costs: Float[np.ndarray, "K K"] | None = None

    @classmethod
    def empty(cls, repeats: int, samples: int, costs: Float[np.ndarray, "K K"] | None = None) -> "Answers":
        """Room for answers."""
        shape = (repeats, samples)
        return cls(np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32), np.zeros(shape), costs)

    def note(
        self,
        repeat: int,
        rows: Int[np.ndarray, " m"],
        head: AnyHead,
        features: Float[np.ndarray, "m d"],
        labels: Int[np.ndarray, " m"],
    ) -> None:
        """Note a head's answers to some of the samples."""
        self.note_scores(repeat, rows, head.logits(features), labels)

    def note_scores(
        self, repeat: int, rows: Int[np.ndarray, " m"], scores: Float[np.ndarray, "m K"], labels: Int[np.ndarray, " m"]
    ) -> None:
        """Note answers by their scores, which are logarithms of probabilities up to one number a sample."""
        shares = softmax(scores, axis=1)
        chosen = np.argmax(scores, axis=1) if self.costs is None else least_costly(shares, self.costs)
        self.predicted[repeat, rows] = chosen
        self.confidence[repeat, rows] = shares[np.arange(len(chosen)), chosen]
        self.loss[repeat, rows] = log_losses(scores, labels)


class Scorer:
    """Figures of answers to samples of known classes.

    Parameters
    ----------
    labels : ndarray of shape (M,)
    bands : ndarray of shape (K,), str
        "many", "medium" or "few" for every class, by its training samples.
    costs : ndarray of shape (K, K), optional
        Of answering the column where the row is true; then their mean is a figure too.

    Attributes
    ----------
    labels, weights, bands : ndarray of shape (M,)
        Of each sample; the weights sum to 1, alike over classes.
    classes : int
        K.
    costs : ndarray of shape (K, K) or None
    names : tuple of str
        Of the figures: `FIGURES`, and the cost where there are costs.
    """

    def __init__(
        self,
        labels: Int[np.ndarray, " M"],
        bands: NDArray[np.character],
        costs: Float[np.ndarray, "K K"] | None = None,
    ) -> None:
        self.labels = labels
        self.costs = costs
        self.names = FIGURES if costs is None else (*FIGURES, COST)
        self.bands = bands[labels]
        self.classes = len(bands)
        self.weights = balanced_weights(labels, self.classes)

    def figures(self, answers: Answers) -> dict[str, float]:
        """Value of each figure; NaN for a band without samples."""
        once = np.ones((1, len(self.labels)))
        return dict(zip(self.names, _Table(self, answers).totals(once)[0].tolist(), strict=True))

    def gains(
        self, all_answers: Sequence[Answers], reference: Answers, seed: int
    ) -> list[dict[str, tuple[float, float, float]]]:
        """What each head gains over the reference, with the ends of its 95 % bootstrap interval.

        Parameters
        ----------
        all_answers : sequence of Answers
        reference : Answers
            Of the present head.
        seed : int

        Returns
        -------
        list of dict
            For each figure: difference, lower end, upper end.
        """
        tables = [_Table(self, answers) for answers in (reference, *all_answers)]
        points = [table.totals(np.ones((1, len(self.labels))))[0] for table in tables]
        draws: list[list[NDArray[np.float64]]] = [[] for _ in tables]
        for drawn in self._draws(seed):
            for place, table in zip(draws, tables, strict=True):
                place.append(table.totals(drawn))
        samples = [np.concatenate(parts) for parts in draws]
        gains: list[dict[str, tuple[float, float, float]]] = []
        for point, sample in zip(points[1:], samples[1:], strict=True):
            ends = np.quantile(sample - samples[0], (0.025, 0.975), axis=0)
            columns = np.stack([point - points[0], *ends], axis=1).tolist()
            gains.append({name: (gain, low, high) for name, (gain, low, high) in zip(self.names, columns, strict=True)})
        return gains

    def _draws(self, seed: int) -> Generator[Float[np.ndarray, "B M"]]:
        """How often each sample is drawn, a block of replicates at a time."""
        rng = np.random.default_rng(seed)
        size = len(self.labels)
        order = np.argsort(self.labels, kind="stable")
        number = np.bincount(self.labels, minlength=self.classes)
        starts = (np.cumsum(number) - number)[self.labels[order]]
        number = number[self.labels[order]]
        block = max(1, _ENTRIES // size)
        for start in range(0, REPLICATES, block):
            rows = min(block, REPLICATES - start)
            drawn = starts + (rng.random((rows, size)) * number).astype(np.int64)
            drawn = order[drawn] + size * np.arange(rows)[:, None]
            yield np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float64)


class _Table:
    """The parts of all figures that are sums over samples, for one head."""

    def __init__(self, scorer: Scorer, answers: Answers) -> None:
        self._scorer = scorer
        self._answers = answers

    def totals(self, drawn: Float[np.ndarray, "B M"]) -> Float[np.ndarray, "B F"]:
        """Figures of resampled data, one row a replicate."""
        sums = drawn @ self._columns
        balanced, shares = sums[:, :5], self._band_shares
        errors = np.abs(sums[:, 6 : 6 + BINS]).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            bands = balanced[:, 2:] / shares
        return np.column_stack([balanced[:, :2], bands, self._macro_f1(drawn), errors, sums[:, 5], sums[:, 6 + BINS :]])

    @cached_property
    def _band_shares(self) -> Float[np.ndarray, " 3"]:
        scorer = self._scorer
        return np.array([scorer.weights[scorer.bands == band].sum() for band in BANDS])

    @cached_property
    def _correct(self) -> NDArray[np.bool_]:
        return self._answers.predicted == self._scorer.labels

    @cached_property
    def _columns(self) -> Float[np.ndarray, "M c"]:
        """Of each sample: its parts of the accuracies, log loss, gap of its bin of confidence, and perhaps cost."""
        scorer, answers = self._scorer, self._answers
        weights = scorer.weights
        rate = self._correct.mean(axis=0)
        plain = [rate / len(weights), weights * rate]
        of_bands = [weights * rate * (scorer.bands == band) for band in BANDS]
        bins = np.minimum((answers.confidence * BINS).astype(np.int64), BINS - 1)
        gaps = np.zeros((len(weights), BINS))
        surplus: NDArray[np.float64] = self._correct - answers.confidence
        for repeat, bin_ in enumerate(bins):
            gaps[np.arange(len(weights)), bin_] += weights * surplus[repeat] / len(bins)
        costs = [] if scorer.costs is None else [weights * scorer.costs[scorer.labels, answers.predicted].mean(axis=0)]
        return np.column_stack([*plain, *of_bands, weights * answers.loss.mean(axis=0), gaps, *costs])

    @cached_property
    def _predictions(self) -> csr_array:
        """Weight that each sample gives to each class as an answer, (K, M)."""
        predicted, weights = self._answers.predicted, self._scorer.weights
        repeats, samples = len(predicted), len(weights)
        data = np.tile(weights / repeats, repeats)
        columns: NDArray[np.int64] = np.tile(np.arange(samples), repeats)
        return _sparse(data, predicted.ravel(), columns, (self._scorer.classes, samples))

    @cached_property
    def _hits(self) -> csr_array:
        scorer = self._scorer
        data = scorer.weights * self._correct.mean(axis=0)
        return _sparse(data, scorer.labels, np.arange(len(data)), (scorer.classes, len(data)))

    def _macro_f1(self, drawn: Float[np.ndarray, "B M"]) -> Float[np.ndarray, " B"]:
        present = np.unique(self._scorer.labels)
        hits = (self._hits @ drawn.T)[present]
        predicted = (self._predictions @ drawn.T)[present]
        # Draws keep the weight of every class, 1 over their number.
        return (2.0 * hits / (predicted + 1.0 / present.size)).mean(axis=0)


def _sparse(
    data: NDArray[np.float64], rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]
) -> csr_array:
    return cast(Any, csr_array)((data, (rows, columns)), shape=shape)
