"""A head watched while it trains: rows that no sample has moved."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from penultimate.counts.class_names import NumberedNames
from penultimate.errors import FeaturesError
from penultimate.features.head import checked_names
from penultimate.scans.scan import FEWEST
from penultimate.scans.unmoved import Unmoved, find_unmoved
from penultimate.torch.monitoring.tracked import Tracked
from penultimate.torch.replacing import heads_put

# A sketch keeps distances to about 1/√(2q), 10 %, and rows on one path are a tenth as far from it as others, or less.
_SKETCH = 48
# Relative rounding of stored weights, a few units in the last place; sketches are single precision.
_ROUNDING = {torch.bfloat16: 2e-3, torch.float16: 5e-4}
# Names in a sentence.
_NAMED = 8


class HeadMonitor(Tracked):
    """Which rows of a head no sample has moved since training began: what a model has not been shown so far.

    Weight decay shrinks such rows and a softmax makes all of them drift along one path; they are told by that
    (docs/theory §8.3), without looking at labels. Make it before the first step.

    Parameters
    ----------
    layer : nn.Linear, nn.Embedding or another module with a weight of shape (K, d)
        The last layer, or the embedding to which it is tied; its bias is not looked at.
    names : sequence of str, optional
        Of the classes or tokens; by default their numbers.
    seed : int, default 0
        Of the sketch.

    Attributes
    ----------
    layer : nn.Module
    names : sequence of str
    found : Unmoved or None
        What the last look found.

    Raises
    ------
    FeaturesError
        When the weight is no matrix of numbers at hand, has fewer than 64 rows (count the samples of so few classes
        instead), or the names do not fit.

    Notes
    -----
    It keeps 48 numbers a row of the start, on the host, and adds nothing to a step. A look is one pass over the head,
    where it is, and works on 48 numbers a row from there on: some seconds for 50,000 rows on one core. It needs a
    softmax and some hundred steps, in which every class that is in the data was met a few times; before, it may name
    rows that were met once. The few rows of a very small group are not found, and neither is any while the others have
    hardly been moved themselves. Replicas of a distributed model have equal heads, so every process finds the same;
    weights that are sharded have to be gathered first.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> _ = torch.manual_seed(0)
    >>> head = torch.nn.Linear(32, 200)
    >>> monitor = pen.torch.HeadMonitor(head)
    >>> optimiser = torch.optim.SGD(head.parameters(), lr=0.5, momentum=0.9, weight_decay=5e-4)
    >>> classes = torch.randn(180, 32)                             # of 200; the last twenty never come
    >>> for step in range(300):
    ...     labels = torch.randint(0, 180, (128,))
    ...     loss = torch.nn.functional.cross_entropy(head(classes[labels] + 0.5 * torch.randn(128, 32)), labels)
    ...     optimiser.zero_grad()
    ...     loss.backward()
    ...     optimiser.step()
    >>> sorted(monitor.look().rows.tolist()) == list(range(180, 200))
    True
    """

    LOG_PREFIX = "head/"

    def __init__(self, layer: nn.Module, names: Sequence[str] | None = None, *, seed: int = 0) -> None:
        weight = _weight(layer)
        if len(weight) < FEWEST:
            raise FeaturesError(
                f"the layer has {len(weight)} rows: with fewer than {FEWEST} their distances tell nothing; count the "
                "samples of so few classes instead"
            )
        self.layer = layer
        self.names: Sequence[str] = NumberedNames(len(weight)) if names is None else checked_names(names, len(weight))
        self.found: Unmoved | None = None
        self._shape, self._seed, self._put = tuple(weight.shape), seed, heads_put(layer)
        self._start = self._sketch(weight)

    def look(self) -> Unmoved:
        """Find the rows that no sample has moved so far.

        Returns
        -------
        Unmoved
            ``rows`` and ``nearly`` are their numbers, `unmoved` and `nearly` their names.

        Raises
        ------
        FeaturesError
            When the layer has other rows than at the start, or a head was put into it.

        Warns
        -----
        UserWarning
            When rows hold NaN or infinity; they are left out.
        """
        weight = _weight(self.layer)
        if tuple(weight.shape) != self._shape:
            raise FeaturesError(
                f"the layer's weight was {_size(self._shape)} at the start and is {_size(tuple(weight.shape))}: make a "
                "new monitor after a layer is resized, and gather weights that are sharded"
            )
        if heads_put(self.layer) != self._put:
            raise FeaturesError("a head was put into the layer since the start: make a new monitor, which begins there")
        now = self._sketch(weight)
        good = np.flatnonzero(np.isfinite(now).all(axis=1))
        if good.size < len(now):
            warnings.warn(
                f"{len(now) - good.size} rows of the head hold NaN or infinity and were left out: has training "
                "diverged?",
                stacklevel=2,
            )
        rng = np.random.default_rng(self._seed)
        rounding = _ROUNDING.get(weight.dtype, 1e-6)
        self.found = find_unmoved(self._start[good], now[good], rounding, rng).among(good)
        return self.found

    def compute(self) -> dict[str, float]:
        """Look, and say what was found in figures for a log.

        Returns
        -------
        dict of str to float
            ``unmoved`` and ``nearly``, how many rows; where some stand out, ``factor``, what is left of their start,
            and ``drift``, how far they moved together in the sketch.
        """
        found = self.look()
        figures = {"unmoved": float(found.rows.size), "nearly": float(found.nearly.size)}
        return figures | ({"factor": found.factor, "drift": found.drift} if found.rows.size else {})

    @property
    def unmoved(self) -> tuple[str, ...]:
        """Names of the rows that the last look found, the nearest to the common path first; none before a look."""
        return () if self.found is None else tuple(self.names[int(row)] for row in self.found.rows)

    @property
    def nearly(self) -> tuple[str, ...]:
        """Names of the rows between these and all others."""
        return () if self.found is None else tuple(self.names[int(row)] for row in self.found.nearly)

    @property
    def verdict(self) -> str:
        """The last look in a sentence."""
        rows = len(self.names)
        if self.found is None:
            return "The head has not been looked at."
        if self.found.rows.size == rows:
            return "No step has moved any row so far."
        if not self.found.rows.size:
            return "No group of unmoved rows stands out: either every class was met, or it is too early to tell."
        shown, more = ", ".join(self.unmoved[:_NAMED]), len(self.unmoved) - _NAMED
        listed = f"{shown} and {more:,} more" if more > 0 else shown
        near = f" {len(self.nearly):,} more lie near them." if self.nearly else ""
        return f"{len(self.unmoved):,} of {rows:,} rows were moved by no sample, or hardly any: {listed}.{near}"

    def state_dict(self) -> dict[str, Any]:
        """What training that is taken up again needs to know of the start."""
        return {"start": torch.tensor(self._start), "shape": list(self._shape), "seed": self._seed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the start of training that was interrupted.

        Raises
        ------
        FeaturesError
            When it was of a head of another size, or is no state of a head monitor.
        """
        if missing := {"start", "shape", "seed"} - set(state):
            raise FeaturesError(
                f"the state has no {', '.join(sorted(missing))}: give what HeadMonitor.state_dict() returned"
            )
        if tuple(state["shape"]) != self._shape:
            raise FeaturesError(
                f"the state is of a head of {_size(tuple(state['shape']))} and the layer is {_size(self._shape)}"
            )
        self._seed = int(state["seed"])
        self._start = state["start"].cpu().numpy().copy()

    def __repr__(self) -> str:
        return f"HeadMonitor({_size(self._shape)})"

    def _sketch(self, weight: Tensor) -> Float[np.ndarray, "K q"]:
        """Rows in 48 random directions, computed where the weight is."""
        dimension = int(weight.shape[1])
        drawn = np.random.default_rng(self._seed).standard_normal((dimension, min(_SKETCH, dimension)))
        basis = torch.tensor(np.linalg.qr(drawn)[0], dtype=torch.float32, device=weight.device)
        with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
            return (weight.detach().float() @ basis).cpu().numpy().astype(np.float64)


def _weight(layer: nn.Module) -> Tensor:
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 2 or not weight.is_floating_point() or weight.is_meta:
        what = f"{weight.dtype} of shape {tuple(weight.shape)}" if isinstance(weight, Tensor) else "not there"
        raise FeaturesError(
            f"the weight of {type(layer).__name__} is {what}: a head monitor takes a layer with a weight of floating "
            "numbers of shape (K, d), not quantised, sharded or on the meta device"
        )
    return weight


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in shape)
