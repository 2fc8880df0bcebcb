"""Choosing settings of heads on held-out samples, blending what was chosen, and saying how good that is on others.

`choose` looks at the samples it is given and at no others: settings by balanced log loss at the temperature that suits
them, which tells heads apart where accuracies of a few samples tie; then the weights of a blend. Heads that learn from
held-out samples are judged on parts that they did not learn from. `cross_fit` repeats it: choose on all parts but one,
report on that one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from penultimate.features.head import Head
from penultimate.features.sources.in_memory import Samples
from penultimate.heads.comparison.blending import pool_weights
from penultimate.heads.comparison.candidates import BY_THEORY, TEMPERATURE, Candidate
from penultimate.heads.comparison.scoring import Answers
from penultimate.heads.kernel_head import AnyHead, KernelHead, added
from penultimate.heads.softmax import balanced_weights, inverse_temperature, log_losses
from penultimate.heads.validation_curve import Curve, balanced_error

FOLDS = 4
# Parts within these, for heads that learn from them.
INNER = 3
# Scores from which temperatures, settings and weights of the blend are found, and the samples that are the least.
ENTRIES, _FEWEST = 500_000, 100
# What the blend may be around, whichever has less loss: a loss may have adjusted for imbalance already.
CENTRES = (TEMPERATURE, BY_THEORY)
# Where kinds are not all linear theory says little: then it is around the mean of so many of least loss.
_LEADING = 3


@dataclass(frozen=True)
class Chosen:
    """One kind of head with the setting that was chosen for it.

    Attributes
    ----------
    head : Head or KernelHead
        Fitted, its scores divided by the temperature.
    setting : float
    factor : float
        What its scores were multiplied with: one over the temperature.
    curve : Curve
    scores : ndarray of shape (m, K)
        Of samples that it did not learn from, divided by the temperature.
    """

    head: AnyHead
    setting: float
    factor: float
    curve: Curve
    scores: Float[np.ndarray, "m K"]

    @property
    def log_loss(self) -> float:
        """Where it was chosen."""
        return float(self.curve.log_loss[self.curve.picked])


@dataclass(frozen=True)
class Blend:
    """Heads of all kinds, added, less τ log π.

    Attributes
    ----------
    head : Head or KernelHead
    weights : dict of str to float
        Of each kind.
    adjustment : float
        τ: what is made of few samples of a class answers it too seldom, and kinds that are added do not mend that.
    """

    head: AnyHead
    weights: dict[str, float]
    adjustment: float


class Tried:
    """Candidates and held-out samples; heads that do not learn from these are fitted once.

    Parameters
    ----------
    candidates : sequence of Candidate
        Those of `CENTRES` are among them.
    samples : Samples
    counts : ndarray of shape (K,)
        Training samples of each class.
    """

    def __init__(self, candidates: Sequence[Candidate], samples: Samples, counts: Float[np.ndarray, " K"]) -> None:
        self.candidates = candidates
        self.samples = samples
        self._classes = len(counts)
        self._rarity = rarity(counts, samples.features.shape[1])

    @cached_property
    def _fixed(self) -> dict[str, tuple[list[AnyHead], Int[np.ndarray, "S M"]]]:
        """Heads of every setting, and their answers."""
        found: dict[str, tuple[list[AnyHead], Int[np.ndarray, "S M"]]] = {}
        for candidate in self.candidates:
            if not candidate.held_out:
                heads = [candidate.fit(setting, self.samples) for setting in candidate.settings]
                answers = [head.predict(self.samples.features).astype(np.int32) for head in heads]
                found[candidate.name] = heads, np.stack(answers)
        return found

    def choose(self, rows: Int[np.ndarray, " m"], rng: np.random.Generator) -> tuple[dict[str, Chosen], Blend]:
        """For every candidate its best setting on some samples and the head fitted with it; and all of them added.

        Parameters
        ----------
        rows : ndarray of shape (m,)
            The samples that may be looked at.
        rng : Generator

        Returns
        -------
        dict of str to Chosen, Blend
        """
        part = self.samples.take(rows)
        fold = deal(part.labels, INNER, rng)
        rests = [part.take(np.flatnonzero(fold != index)) for index in range(INNER)]
        chosen = {
            candidate.name: self._held_out(candidate, part, fold, rests)
            if candidate.held_out
            else self._of_training(candidate, part, rows)
            for candidate in self.candidates
        }
        return chosen, self._blended(chosen, part)

    def _of_training(self, candidate: Candidate, part: Samples, rows: Int[np.ndarray, " m"]) -> Chosen:
        heads, answers = self._fixed[candidate.name]
        features = part.features[self._some(part)]
        scores = [head.logits(features) for head in heads]
        return self._settled(candidate, heads.__getitem__, answers[:, rows] == part.labels, scores, part)

    def _held_out(
        self, candidate: Candidate, part: Samples, fold: Int[np.ndarray, " m"], rests: Sequence[Samples]
    ) -> Chosen:
        settings, some = candidate.settings, self._some(part)
        correct = np.zeros((len(settings), len(fold)), dtype=bool)
        scores = np.zeros((len(settings), len(some), self._classes), dtype=np.float32)
        for index, rest in enumerate(rests):
            there = np.flatnonzero(fold == index)
            judged = np.flatnonzero(fold[some] == index)
            for place, setting in enumerate(settings):
                head = candidate.fit(setting, rest)
                correct[place, there] = head.predict(part.features[there]) == part.labels[there]
                scores[place, judged] = head.logits(part.features[some[judged]])
        return self._settled(candidate, lambda place: candidate.fit(settings[place], part), correct, list(scores), part)

    def _settled(
        self,
        candidate: Candidate,
        made: Callable[[int], AnyHead],
        correct: np.ndarray,
        scores: list[np.ndarray],
        part: Samples,
    ) -> Chosen:
        """The setting of least loss, from right answers to all samples and scores of some."""
        labels = part.labels[self._some(part)]
        weights = balanced_weights(labels, self._classes)
        factors = [inverse_temperature(one, labels, self._classes) for one in scores]
        losses = [weights @ log_losses(one * factor, labels) for one, factor in zip(scores, factors, strict=True)]
        picked = int(np.argmin(losses))
        of_all = balanced_weights(part.labels, self._classes)
        rates = correct @ of_all
        errors = np.array([balanced_error(one * 1.0, part.labels, of_all) for one in correct])
        curve = Curve(np.array(candidate.settings), rates, errors, np.array(losses), picked)
        factor = factors[picked]
        tempered = added([made(picked)], [factor])
        return Chosen(tempered, candidate.settings[picked], factor, curve, scores[picked] * np.float32(factor))

    def _blended(self, chosen: dict[str, Chosen], part: Samples) -> Blend:
        labels, kinds = part.labels[self._some(part)], list(chosen.values())
        by_loss = sorted(chosen, key=lambda name: chosen[name].log_loss)
        if any(isinstance(one.head, KernelHead) for one in kinds):
            centre = by_loss[:_LEADING]
        else:
            centre = [name for name in by_loss if name in CENTRES][:1]
        places = [list(chosen).index(name) for name in centre]
        rare = np.broadcast_to(self._rarity.offset.astype(np.float32), kinds[0].scores.shape)
        weights = pool_weights(np.stack([*(one.scores for one in kinds), rare]), labels, places)
        head = added([*(one.head for one in kinds), self._rarity], weights.tolist())
        return Blend(head, dict(zip(chosen, weights[:-1].tolist(), strict=True)), float(weights[-1]))

    def _some(self, part: Samples) -> Int[np.ndarray, " m"]:
        """Rows to find settings, temperatures and weights from."""
        return part.evenly(max(ENTRIES // self._classes, _FEWEST))


def rarity(counts: Float[np.ndarray, " K"], dimension: int) -> Head:
    """The head that answers −log n_k whatever the features; what τ is the weight of."""
    # Classes without samples are never the answer, whatever is added.
    scores = -np.log(np.maximum(counts, 1.0))
    return Head((np.zeros((len(counts), dimension)),), scores - scores.mean())


def deal(labels: Int[np.ndarray, " M"], parts: int, rng: np.random.Generator) -> Int[np.ndarray, " M"]:
    """The part of each sample; every class is dealt out evenly, in random order and from a random part on.

    Classes may have fewer samples than there are parts, where scikit-learn's ``StratifiedKFold`` warns and leaves the
    first parts with more of all the rare ones.
    """
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    number = np.bincount(labels)
    place = np.arange(len(labels)) - np.repeat(np.cumsum(number) - number, number)
    first = np.repeat(rng.integers(0, parts, number.size), number)
    out = np.empty(len(labels), dtype=np.int64)
    out[order] = (place + first) % parts
    return out


def deal_known(labels: Int[np.ndarray, " M"], parts: int, seed: int) -> Int[np.ndarray, " M"]:
    """The same, but −1 for the only sample of its class: held back, it would leave a class that no head knows."""
    part = deal(labels, parts, np.random.default_rng(seed))
    part[np.bincount(labels)[labels] == 1] = -1
    return part


def cross_fit(
    tried: Tried,
    repeats: int,
    seed: int,
    costs: Float[np.ndarray, "K K"] | None = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[dict[str, Answers], Answers]:
    """Answers to every sample by heads that were chosen without its part.

    Parameters
    ----------
    tried : Tried
    repeats : int
        How often the samples are dealt anew into `FOLDS` parts.
    seed : int
    costs : ndarray of shape (K, K), optional
        By which answers are given.
    progress : callable, optional
        Called with 1 after each part.

    Returns
    -------
    dict of str to Answers, Answers
        By kind of head, and by their blend.
    """
    rng = np.random.default_rng(seed)
    samples = tried.samples
    size = len(samples.labels)
    answers = {candidate.name: Answers.empty(repeats, size, costs) for candidate in tried.candidates}
    blended = Answers.empty(repeats, size, costs)
    for repeat in range(repeats):
        part = deal(samples.labels, FOLDS, rng)
        for fold in range(FOLDS):
            chosen, blend = tried.choose(np.flatnonzero(part != fold), rng)
            rows = np.flatnonzero(part == fold)
            there = samples.take(rows)
            for name, one in chosen.items():
                answers[name].note(repeat, rows, one.head, *there)
            blended.note(repeat, rows, blend.head, *there)
            if progress is not None:
                progress(1)
    return answers, blended
