"""Which samples an epoch holds: rare classes more often than they occur, from the first epoch or by and by."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from penultimate.counts import ClassCounts
from penultimate.counts.class_counts import Classes
from penultimate.counts.unwrapping import as_array_or_list
from penultimate.errors import ProblemError
from penultimate.model.arguments import number, whole


class ClassSampler(Sampler[int]):
    """Draw a class with probability ∝ n^power, then one of its samples; with replacement.

    Powers of 1, ½ and 0 are instance-balanced, square-root and class-balanced sampling.

    Parameters
    ----------
    labels : array-like of shape (N,)
        Class of every sample of the data set: whole numbers or text.
    power : float, default 0.5
        0 to 1 in the literature; others are allowed.
    classes : int, or sequence of str or int, optional
        As in `ClassCounts.from_labels`: how many classes there are, or their names in the order of the model's outputs
        (``dataset.classes``). By default those that occur, sorted. `counts_in` counts them in this order.
    epochs : int, optional
        With it sampling is progressive: from classes as they occur, in epoch 0, to `power` in epoch `epochs`, blending
        the two distributions linearly. Give the number of epochs trained.
    num_samples : int, optional
        How many are drawn in an epoch, by all processes together; N by default.
    seed : int, default 0
        The same in every process.
    num_replicas, rank : int, default 1 and 0
        With several processes, how many, and which one this is: each takes its part of one common draw, so no sample is
        padded. Lightning and Accelerate divide samplers themselves; leave both out there.

    Attributes
    ----------
    epoch : int
        That of the next pass. It moves on with every pass, so that epochs differ even where nobody sets it.

    Raises
    ------
    CountsError
        If labels are not one whole number or text for each sample, or of one class only.
    ProblemError
        If another number is out of its range.

    Notes
    -----
    Square-root and progressive sampling: Kang et al. 2020 (arXiv 1910.09217, §3), whose progressively-balanced sampling
    is ``power=0`` with `epochs`. PyTorch's ``WeightedRandomSampler`` draws from fixed weights, in one process, from at
    most 2²⁴ samples. Sampling changes the class shares that a loss sees: make losses from `counts_in`, or they adjust
    for the imbalance a second time.

    Examples
    --------
    >>> import penultimate as pen
    >>> labels = [0] * 900 + [1] * 100
    >>> sampler = pen.torch.ClassSampler(labels, power=0.5)
    >>> sampler.counts_in(epoch=0).values
    array([750., 250.])
    >>> drawn = list(sampler)
    >>> len(drawn), sum(labels[index] for index in drawn)
    (1000, 267)
    """

    def __init__(
        self,
        labels: object,
        power: float = 0.5,
        *,
        classes: Classes | None = None,
        epochs: int | None = None,
        num_samples: int | None = None,
        seed: int = 0,
        num_replicas: int = 1,
        rank: int = 0,
    ) -> None:
        held = as_array_or_list(labels)
        self.counts = ClassCounts.from_labels(held, classes)
        self.power = number(power, "the power of a sampler (0.5 is square-root sampling)")
        self.epochs = None if epochs is None else whole(epochs, "epochs")
        self.seed, self.epoch = whole(seed, "the seed", 0), 0
        self.num_replicas, self.rank = whole(num_replicas, "num_replicas"), whole(rank, "rank", 0)
        if self.rank >= self.num_replicas:
            raise ProblemError(f"rank {rank} is none of {num_replicas} processes: give 0 … {num_replicas - 1}")
        self.total = int(self.counts.samples) if num_samples is None else whole(num_samples, "num_samples")
        # Samples in the order of their classes, and where each class begins.
        self._order = np.argsort(_classes_of(held, self.counts), kind="stable")
        self._starts = np.cumsum(self.counts.values) - self.counts.values

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next pass is, as for ``DistributedSampler``: the same epoch is the same draw.

        Parameters
        ----------
        epoch : int
        """
        self.epoch = whole(epoch, "the epoch", 0)

    def counts_in(self, epoch: int) -> ClassCounts:
        """How many samples of each class an epoch holds on average, over all processes.

        Parameters
        ----------
        epoch : int

        Returns
        -------
        ClassCounts
        """
        return ClassCounts(self.total * self._probabilities(epoch), self.counts.names)

    def __len__(self) -> int:
        return -(-self.total // self.num_replicas)

    def __iter__(self) -> Iterator[int]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        rng = np.random.default_rng((self.seed, epoch))
        drawn = len(self) * self.num_replicas
        classes = rng.choice(self.counts.classes, drawn, p=self._probabilities(epoch))
        # A uniform number below 1 in double precision times a count rounds down to below the count.
        within = np.floor(rng.random(drawn) * self.counts.values[classes])
        places = (self._starts[classes] + within).astype(np.int64)
        yield from self._order[places[self.rank :: self.num_replicas]].tolist()

    def _probabilities(self, epoch: int) -> NDArray[np.float64]:
        values = self.counts.values
        # Relative to the largest, so that no power overflows.
        logs = self.power * np.log(values, out=np.full_like(values, np.nan), where=values > 0)
        there = np.nan_to_num(np.exp(logs - np.nanmax(logs)), nan=0.0)
        there /= there.sum()
        if self.epochs is None:
            return there
        done = min(whole(epoch, "the epoch", 0) / self.epochs, 1.0)
        return (1.0 - done) * values / self.counts.samples + done * there


def _classes_of(labels: object, counts: ClassCounts) -> NDArray[np.int64]:
    """The class of every sample, as `ClassCounts.from_labels` counted them: label k is the k-th of named classes."""
    distinct, place = np.unique(np.asarray(labels), return_inverse=True)
    index = {name: k for k, name in enumerate(counts.names)}
    of_distinct = np.array([index.get(str(label), label) for label in distinct.tolist()], dtype=np.int64)
    return of_distinct[place.ravel()]
