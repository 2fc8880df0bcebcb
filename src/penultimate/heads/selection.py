"""Choosing settings and a kind of head on held-out samples, and saying how good that choice is on others.

`choose` looks at the samples it is given and at no others: settings by balanced accuracy and the one-standard-error
rule, the kind by balanced accuracy. Heads that learn from held-out samples are judged on parts that they did not
learn from. `cross_fit` repeats it: choose on all parts but one, report on that one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from penultimate.features.head import Head
from penultimate.heads.candidates import Candidate
from penultimate.heads.samples import Samples
from penultimate.heads.scoring import Answers
from penultimate.heads.softmax import balanced_weights, inverse_temperature

FOLDS = 4
# Parts within these, for heads that learn from them.
_INNER = 3
# Scores from which a temperature is fitted.
_ENTRIES = 1_000_000


@dataclass(frozen=True)
class Curve:
    """Balanced accuracy over the settings of one kind of head.

    Attributes
    ----------
    settings, balanced_accuracy, standard_error : ndarray of shape (S,)
        Settings in the order of `Candidate`.
    picked : int
        The first setting that falls short of the best by no more than the standard error of their difference.
    """

    settings: Float[np.ndarray, " S"]
    balanced_accuracy: Float[np.ndarray, " S"]
    standard_error: Float[np.ndarray, " S"]
    picked: int


@dataclass(frozen=True)
class Chosen:
    """One kind of head with the setting that was chosen for it.

    Attributes
    ----------
    head : Head
        Fitted, its scores divided by the temperature.
    setting : float
    curve : Curve
    """

    head: Head
    setting: float
    curve: Curve

    @property
    def score(self) -> float:
        """Balanced accuracy where it was chosen."""
        return float(self.curve.balanced_accuracy[self.curve.picked])


class Tried:
    """Candidates and held-out samples; heads that do not learn from these are fitted once.

    Parameters
    ----------
    candidates : sequence of Candidate
    samples : Samples
    classes : int
        K.
    """

    def __init__(self, candidates: Sequence[Candidate], samples: Samples, classes: int) -> None:
        self.candidates = candidates
        self.samples = samples
        self._classes = classes

    @cached_property
    def _fixed(self) -> dict[str, tuple[list[Head], Int[np.ndarray, "S M"]]]:
        """Heads of every setting, and their answers."""
        found: dict[str, tuple[list[Head], Int[np.ndarray, "S M"]]] = {}
        for candidate in self.candidates:
            if not candidate.held_out:
                heads = [candidate.fit(setting, self.samples) for setting in candidate.settings]
                answers = [head.predict(self.samples.features).astype(np.int32) for head in heads]
                found[candidate.name] = heads, np.stack(answers)
        return found

    def choose(self, rows: Int[np.ndarray, " m"], rng: np.random.Generator) -> dict[str, Chosen]:
        """For every candidate its best setting on some of the samples, and the head fitted with it.

        Parameters
        ----------
        rows : ndarray of shape (m,)
            The samples that may be looked at.
        rng : Generator

        Returns
        -------
        dict of str to Chosen
        """
        part = self.samples.take(rows)
        fold = deal(part.labels, _INNER, rng)
        return {
            candidate.name: self._held_out(candidate, part, fold)
            if candidate.held_out
            else self._of_training(candidate, part, rows)
            for candidate in self.candidates
        }

    def _of_training(self, candidate: Candidate, part: Samples, rows: Int[np.ndarray, " m"]) -> Chosen:
        heads, answers = self._fixed[candidate.name]
        curve = self._curve(candidate, answers[:, rows] == part.labels, part.labels)
        head = heads[curve.picked]
        return Chosen(self._tempered(head, [(head, part)]), candidate.settings[curve.picked], curve)

    def _held_out(self, candidate: Candidate, part: Samples, fold: Int[np.ndarray, " m"]) -> Chosen:
        correct = np.zeros((len(candidate.settings), len(fold)), dtype=bool)
        heads: list[list[Head]] = []
        for index in range(_INNER):
            rest, there = part.take(np.flatnonzero(fold != index)), np.flatnonzero(fold == index)
            heads.append([candidate.fit(setting, rest) for setting in candidate.settings])
            for place, head in enumerate(heads[-1]):
                correct[place, there] = head.predict(part.features[there]) == part.labels[there]
        curve = self._curve(candidate, correct, part.labels)
        setting = candidate.settings[curve.picked]
        judged = [(made[curve.picked], part.take(np.flatnonzero(fold == index))) for index, made in enumerate(heads)]
        return Chosen(self._tempered(candidate.fit(setting, part), judged), setting, curve)

    def _curve(self, candidate: Candidate, correct: np.ndarray, labels: Int[np.ndarray, " m"]) -> Curve:
        weights = balanced_weights(labels, self._classes)
        rates = correct @ weights
        best = int(np.argmax(rates))
        short = self._standard_error((correct[best] * 1.0 - correct), labels)
        picked = int(np.argmax(rates[best] - rates <= short))
        errors = self._standard_error(correct * 1.0, labels)
        return Curve(np.array(candidate.settings), rates, errors, picked)

    def _standard_error(self, values: Float[np.ndarray, "S m"], labels: Int[np.ndarray, " m"]) -> np.ndarray:
        """Of the mean over classes of their means, samples drawn within classes."""
        weights = balanced_weights(labels, self._classes)
        number = np.bincount(labels, minlength=self._classes)
        errors: list[float] = []
        for row in values:
            mean = np.bincount(labels, row, self._classes) / np.maximum(number, 1)
            errors.append(float(np.sqrt(np.sum((weights * (row - mean[labels])) ** 2))))
        return np.array(errors)

    def _tempered(self, head: Head, judged: list[tuple[Head, Samples]]) -> Head:
        """The head, divided by the temperature that suits heads like it on samples they did not learn from."""
        some = [(one, to.thinned(_ENTRIES // (self._classes * len(judged)))) for one, to in judged]
        scores = np.concatenate([one.logits(to.features) for one, to in some])
        factor = inverse_temperature(scores, np.concatenate([to.labels for _, to in some]), self._classes)
        return Head((head.product * factor,), head.offset * factor, head.names)


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


def best_of(chosen: dict[str, Chosen]) -> str:
    """The kind of most balanced accuracy, the first of those that tie."""
    return max(chosen, key=lambda name: chosen[name].score)


def cross_fit(
    tried: Tried, repeats: int, seed: int, advance: Callable[[int], object] | None = None
) -> tuple[dict[str, Answers], Answers]:
    """Answers to every sample by heads that were chosen without its part.

    Parameters
    ----------
    tried : Tried
    repeats : int
        How often the samples are dealt anew into `FOLDS` parts.
    seed : int
    advance : callable, optional
        Called with 1 after each part.

    Returns
    -------
    dict of str to Answers, Answers
        By kind of head, and by the kind that was chosen each time.
    """
    rng = np.random.default_rng(seed)
    samples = tried.samples
    size = len(samples.labels)
    answers = {candidate.name: Answers.empty(repeats, size) for candidate in tried.candidates}
    choice = Answers.empty(repeats, size)
    for repeat in range(repeats):
        part = deal(samples.labels, FOLDS, rng)
        for fold in range(FOLDS):
            chosen = tried.choose(np.flatnonzero(part != fold), rng)
            rows = np.flatnonzero(part == fold)
            there = samples.take(rows)
            for name, one in chosen.items():
                answers[name].note(repeat, rows, one.head, *there)
            best = answers[best_of(chosen)]
            for own, others in zip(vars(choice).values(), vars(best).values(), strict=True):
                own[repeat, rows] = others[repeat, rows]
            if advance is not None:
                advance(1)
    return answers, choice
