"""How good a head's answers are, and intervals of what it gains over another on the same samples.

Every figure but the plain accuracy is for balanced classes: samples are weighted so that each class that has some counts
alike. The bootstrap draws samples within their classes, the same for all heads, so differences are paired.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penultimate.features.head import Head
from penultimate.heads.softmax import balanced_weights, log_losses, softmax

BANDS = ("many", "medium", "few")
FIGURES = ("accuracy", "balanced_accuracy", *BANDS, "macro_f1", "calibration_error", "log_loss")
REPLICATES = 1000
# Bins of confidence, of equal width (Guo et al. 2017, arXiv 1706.04599).
_BINS = 15
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
    """

    predicted: Int[np.ndarray, "R M"]
    confidence: Float[np.ndarray, "R M"]
    loss: Float[np.ndarray, "R M"]

    @classmethod
    def empty(cls, repeats: int, samples: int) -> "Answers":
        """Room for answers."""
        shape = (repeats, samples)
        return cls(np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32), np.zeros(shape))

    def note(
        self,
        repeat: int,
        rows: Int[np.ndarray, " m"],
        head: Head,
        features: Float[np.ndarray, "m d"],
        labels: Int[np.ndarray, " m"],
    ) -> None:
        """Note a head's answers to some of the samples."""
        scores = head.logits(features)
        self.predicted[repeat, rows] = np.argmax(scores, axis=1)
        self.confidence[repeat, rows] = softmax(scores).max(axis=1)
        self.loss[repeat, rows] = log_losses(scores, labels)


class Scorer:
    """Figures of answers to samples of known classes.

    Parameters
    ----------
    labels : ndarray of shape (M,)
    bands : ndarray of shape (K,), str
        "many", "medium" or "few" for every class, by its training samples.
    """

    def __init__(self, labels: Int[np.ndarray, " M"], bands: NDArray[np.character]) -> None:
        self._labels = labels
        self._bands = bands[labels]
        self._classes = len(bands)
        self._weights = balanced_weights(labels, self._classes)

    def figures(self, answers: Answers) -> dict[str, float]:
        """Value of each of `FIGURES`; NaN for a band without samples."""
        once = np.ones((1, len(self._labels)))
        return dict(zip(FIGURES, _Table(self, answers).totals(once)[0].tolist(), strict=True))

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
            For each of `FIGURES`: difference, lower end, upper end.
        """
        tables = [_Table(self, answers) for answers in (reference, *all_answers)]
        points = [table.totals(np.ones((1, len(self._labels))))[0] for table in tables]
        draws: list[list[NDArray[np.float64]]] = [[] for _ in tables]
        for drawn in self._draws(seed):
            for place, table in zip(draws, tables, strict=True):
                place.append(table.totals(drawn))
        samples = [np.concatenate(parts) for parts in draws]
        gains: list[dict[str, tuple[float, float, float]]] = []
        for point, sample in zip(points[1:], samples[1:], strict=True):
            ends = np.quantile(sample - samples[0], (0.025, 0.975), axis=0)
            columns = np.stack([point - points[0], *ends], axis=1).tolist()
            gains.append({name: (gain, low, high) for name, (gain, low, high) in zip(FIGURES, columns, strict=True)})
        return gains

    def _draws(self, seed: int):
        """How often each sample is drawn, a block of replicates at a time."""
        rng = np.random.default_rng(seed)
        size = len(self._labels)
        order = np.argsort(self._labels, kind="stable")
        number = np.bincount(self._labels, minlength=self._classes)
        starts = (np.cumsum(number) - number)[self._labels[order]]
        number = number[self._labels[order]]
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

    def totals(self, drawn: Float[np.ndarray, "B M"]) -> Float[np.ndarray, "B 8"]:
        """Figures of resampled data, one row a replicate."""
        sums = drawn @ self._columns
        balanced, shares = sums[:, :5], self._band_shares
        errors = np.abs(sums[:, 6:]).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            bands = balanced[:, 2:] / shares
        return np.column_stack([balanced[:, :2], bands, self._macro_f1(drawn), errors, sums[:, 5]])

    @cached_property
    def _band_shares(self) -> Float[np.ndarray, " 3"]:
        scorer = self._scorer
        return np.array([scorer._weights[scorer._bands == band].sum() for band in BANDS])

    @cached_property
    def _correct(self) -> NDArray[np.bool_]:
        return self._answers.predicted == self._scorer._labels

    @cached_property
    def _columns(self) -> Float[np.ndarray, "M c"]:
        """Of each sample: its parts of the accuracies, the log loss, and the gap of its bin of confidence."""
        scorer, answers = self._scorer, self._answers
        weights = scorer._weights
        rate = self._correct.mean(axis=0)
        plain = [rate / len(weights), weights * rate]
        of_bands = [weights * rate * (scorer._bands == band) for band in BANDS]
        bins = np.minimum((answers.confidence * _BINS).astype(np.int64), _BINS - 1)
        gaps = np.zeros((len(weights), _BINS))
        for bin_, gap in zip(bins, self._correct - answers.confidence, strict=True):
            gaps[np.arange(len(weights)), bin_] += weights * gap / len(bins)
        return np.column_stack([*plain, *of_bands, weights * answers.loss.mean(axis=0), gaps])

    @cached_property
    def _predictions(self) -> csr_array:
        """Weight that each sample gives to each class as an answer, (K, M)."""
        predicted, weights = self._answers.predicted, self._scorer._weights
        repeats, samples = predicted.shape
        data = np.tile(weights / repeats, repeats)
        places = (predicted.ravel(), np.tile(np.arange(samples), repeats))
        return csr_array((data, places), shape=(self._scorer._classes, samples))

    @cached_property
    def _hits(self) -> csr_array:
        scorer = self._scorer
        data = scorer._weights * self._correct.mean(axis=0)
        return csr_array((data, (scorer._labels, np.arange(len(data)))), shape=self._predictions.shape)

    def _macro_f1(self, drawn: Float[np.ndarray, "B M"]) -> Float[np.ndarray, " B"]:
        present = np.unique(self._scorer._labels)
        hits = (self._hits @ drawn.T)[present]
        predicted = (self._predictions @ drawn.T)[present]
        # Draws keep the weight of every class, 1 over their number.
        return (2.0 * hits / (predicted + 1.0 / present.size)).mean(axis=0)
