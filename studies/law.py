"""The laws that calibrated runs are said to obey at every other weight decay, as functions on records of runs.

A record is what `studies.training.run` returns. `by_audits` is the package's own law, read off one run or two
(docs/theory §15). `by_strengths` is that of the model: calibrated at λ_0, a run implies κ_0, the median over its
well-learnt directions of (σ − t) t^{1−p}/N; with λ_H fixed, κ = κ_0 (λ/λ_0)^{L/(L+1)} at other decays (§4, §6).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from penultimate.audits.law_reading import ALIGNED, ENOUGH, LEARNT, Run, read_law
from penultimate.forecasts.status import LOST
from penultimate.minimisers.shrinkage import Shrinkage
from penultimate.model.strength_law import StrengthLaw

Record = Mapping[str, Any]
# Shares of σ below are chance, of either sign.
LEAST = 0.01


@dataclass(frozen=True)
class Law:
    """Soft or hard threshold, fixed by one run.

    Attributes
    ----------
    samples : float
        N.
    layers : int
        L of the law, which need not be that of the network.
    decay : float
        λ_0, of the run.
    kappa : float
        κ_0.
    exponent : float, optional
        e in κ ∝ λ^e; by default that of a fixed λ_H, L/(L+1).
    """

    samples: float
    layers: int
    decay: float
    kappa: float
    exponent: float | None = None

    @property
    def growth(self) -> float:
        """The exponent e, given or that of a fixed λ_H."""
        return self.layers / (self.layers + 1) if self.exponent is None else self.exponent

    def shrinkage(self, decay: float) -> Shrinkage:
        """The scalar problem at another weight decay."""
        return Shrinkage(self.samples, self.kappa * (decay / self.decay) ** self.growth, self.layers)

    def strength(self, decay: float, sigma: np.ndarray) -> np.ndarray:
        """Strengths at another weight decay."""
        return self.shrinkage(decay).strength(sigma)

    def death(self, sigma: np.ndarray) -> np.ndarray:
        """Weight decay where each direction falls to a tenth of its σ: θ ∝ κ^{(L+1)/(2L)}, strengths scale with θ."""
        over = 1 / (1 - LOST) if self.layers == 1 else 1.0  # a hard threshold jumps from at least (L−1)/L to 0
        power = 2 * self.layers / (self.layers + 1) / self.growth
        return self.decay * (sigma / over / self.shrinkage(self.decay).threshold) ** power


class Forecaster(Protocol):
    """What says how strong directions are at a weight decay."""

    def strength(self, decay: float, sigma: np.ndarray) -> np.ndarray:
        """Strengths at another weight decay."""
        ...


@dataclass(frozen=True)
class AuditedLaw:
    """The package's law of one run or two, on the network's own counts."""

    law: StrengthLaw

    def strength(self, decay: float, sigma: np.ndarray) -> np.ndarray:
        """Strengths at another weight decay."""
        return self.law.strength(sigma, np.array([decay]), self.law.samples)[0]

    def interval(self, decay: float, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where nine tenths of them should lie; below a tenth of σ they are not told from zero."""
        low, high = (AuditedLaw(self.law.at_end(end)).strength(decay, sigma) for end in (1, -1))
        return low, np.maximum(high, LOST * sigma)

    def death(self, sigma: np.ndarray) -> np.ndarray:
        """Weight decay where each direction falls to a tenth of its σ."""
        return self.law.critical(sigma, self.law.samples)

    def death_interval(self, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where nine tenths of these should lie."""
        low, high = (AuditedLaw(self.law.at_end(end)).death(sigma) for end in (1, -1))
        return low, high


def by_audits(*records: Record) -> AuditedLaw | None:
    """The law that the package reads off one run or two; None where it reads none."""
    if any(record["collapsed"] for record in records):
        return None
    law = read_law(tuple(_run(record) for record in records))
    return None if law is None else AuditedLaw(law)


def pull_factors(records: Sequence[Record]) -> tuple[list[float], list[float]]:
    """For another loss than squared error: |log₂| of forecast over measured pull, by the old law and by the new.

    One run forecasts the median pull of its directions at all other decays: ∝ √λ with λ_H fixed, or by its own law.
    """
    old: list[float] = []
    new: list[float] = []
    runs = [_run(record) for record in records if not record["collapsed"]]
    for one in runs:
        law = read_law((one,), convex=True)
        for other in (run for run in runs if run is not one and run.directions >= ENOUGH and law is not None):
            measured = other.median(np.log(other.lost))
            root = one.median(np.log(one.lost)) + np.log(other.decay / one.decay) / 2
            old.append(abs(root - measured) / np.log(2))
            new.append(abs(np.log(law.pull(other.decay, law.samples)) - measured) / np.log(2))
    return old, new


def _run(record: Record) -> Run:
    sigma, strength = np.array(record["sigma"]), np.array(record["strength"])
    columns = {name: [np.nan if c is None else c for c in record[name]] for name in ("cosine", "decay", "unsettled")}
    return Run(
        decay=record["recipe"]["weight_decay"],
        layers=int(record["recipe"]["layers"]),
        samples=float(record["samples"]),
        sigma=tuple(sigma.tolist()),
        multiplicity=tuple(record.get("multiplicity", [1] * sigma.size)),
        strength=tuple(strength.tolist()),
        cosine=tuple(columns["cosine"]),
        pull=tuple(record["lost"] if record["recipe"].get("loss", "mse") != "mse" else (sigma - strength).tolist()),
        to_decay=tuple(columns["decay"]),
        unsettled=tuple(columns["unsettled"]),
    )


def strengths(record: Record) -> np.ndarray:
    """Measured strengths t; zero for a network that has collapsed to the last bit."""
    return np.zeros(len(record["sigma"])) if record["collapsed"] else np.array(record["strength"])


def alive(record: Record) -> np.ndarray:
    """Which directions keep at least a tenth of σ."""
    return strengths(record) >= LOST * np.array(record["sigma"])


def least_cosine(record: Record) -> float:
    """Least cosine of p_i and q_i among directions alive; not a number if none is."""
    living = alive(record)
    return float(np.array(record["cosine"], dtype=float)[living].min()) if living.any() else float("nan")


def well_learnt(record: Record) -> np.ndarray:
    """The directions that a calibration reads: aligned, and with a quarter of σ or more."""
    if record["collapsed"]:
        return np.zeros(len(record["sigma"]), dtype=bool)
    cosine = np.array([np.nan if c is None else c for c in record["cosine"]])
    return (cosine >= ALIGNED) & (strengths(record) >= LEARNT * np.array(record["sigma"]))


def by_strengths(record: Record, layers: int) -> Law | None:
    """The law of L layers that a run implies; None with fewer than three well-learnt directions, or none that lost."""
    well = well_learnt(record)
    if well.sum() < ENOUGH:
        return None
    kappa = float(np.median(implied(record, layers)))
    return Law(record["samples"], layers, record["recipe"]["weight_decay"], kappa) if kappa > 0 else None


def implied(record: Record, layers: int) -> np.ndarray:
    """κ that every well-learnt direction implies under a law of L layers."""
    well = well_learnt(record)
    sigma, t = np.array(record["sigma"])[well], strengths(record)[well]
    return (sigma - t) * t ** (1 - 2 / (layers + 1)) / record["samples"]


def by_two(one: Record, other: Record, layers: int) -> Law | None:
    """The law that two runs imply, which say how κ grows too; None if either implies none, or κ does not grow."""
    first, second = by_strengths(one, layers), by_strengths(other, layers)
    if first is None or second is None:
        return None
    exponent = float(np.log(second.kappa / first.kappa) / np.log(second.decay / first.decay))
    return Law(first.samples, layers, first.decay, first.kappa, exponent) if exponent > 0 else None


def by_norms(record: Record, layers: int) -> Law | None:
    """The law with the feature decay that the balance of norms says."""
    if record["collapsed"]:
        return None
    decay = record["recipe"]["weight_decay"]
    product = record["calibration"]["feature_decay_by_norms"] * decay**layers
    return Law(record["samples"], layers, decay, product ** (1 / (layers + 1)))


@dataclass(frozen=True)
class Score:
    """How a law forecast other runs.

    Attributes
    ----------
    right : float
        Share of directions, over all runs, whose being alive or dead was forecast.
    error : float
        Median |forecast − measured| / σ over the same.
    worst : float
        95 % of these errors lie below.
    cases : int
        Directions times runs. With none of them, where no run could be calibrated, the others are not a number.
    """

    right: float
    error: float
    worst: float
    cases: int


def score(pairs: Iterable[tuple[Forecaster, Record]]) -> Score:
    """Judge laws on records they were not read from."""
    hits: list[np.ndarray] = []
    errors: list[np.ndarray] = []
    for law, record in pairs:
        sigma = np.array(record["sigma"])
        expected = law.strength(record["recipe"]["weight_decay"], sigma)
        hits.append((expected >= LOST * sigma) == alive(record))
        errors.append(np.abs(expected - strengths(record)) / sigma)
    if not hits:
        return Score(float("nan"), float("nan"), float("nan"), 0)
    hit, error = np.concatenate(hits), np.concatenate(errors)
    return Score(float(hit.mean()), float(np.median(error)), float(np.quantile(error, 0.95)), hit.size)


@dataclass(frozen=True)
class Deaths:
    """Where directions were seen to die: of each, the last weight decay alive and the first one dead.

    Attributes
    ----------
    last, first : ndarray of shape (t,)
        Not a number for directions that live at all decays of the sweep, or are dead at its least.
    between : ndarray of shape (t,)
        Where a tenth of σ is left, if the logarithm of strength is linear in that of λ between these two. Near their
        end strengths fade by factors.
    """

    last: np.ndarray
    first: np.ndarray
    between: np.ndarray

    @classmethod
    def of(cls, sweep: Sequence[Record]) -> "Deaths":
        """Those of one network at rising weight decays."""
        sigma = np.array(sweep[0]["sigma"])
        share = np.log([np.clip(strengths(record) / sigma, LEAST, 1.0) for record in sweep])
        decay = np.log([record["recipe"]["weight_decay"] for record in sweep])
        found = np.full((3, sigma.size), np.nan)
        for i, values in enumerate(share.T):
            below = np.flatnonzero(values < np.log(LOST))
            if below.size and below[0]:
                ends = slice(below[0] - 1, below[0] + 1)
                found[:, i] = *decay[ends], np.interp(-np.log(LOST), -values[ends], decay[ends])
        return cls(*np.exp(found))

    def apart(self, forecast: np.ndarray) -> np.ndarray:
        """|log| of forecast over observed, of directions that died."""
        return np.abs(np.log(forecast / self.between))[np.isfinite(self.between)]

    def outside(self, forecast: np.ndarray) -> np.ndarray:
        """How far a forecast is at least off, as |log|: zero between the two runs, of directions that died."""
        off = np.maximum(np.log(forecast / self.first), 0.0) + np.maximum(np.log(self.last / forecast), 0.0)
        return off[np.isfinite(self.between)]

    def held(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Whether an interval holds where they died."""
        return ((low <= self.between) & (self.between <= high))[np.isfinite(self.between)]


def observed_death(sweep: Sequence[Record]) -> np.ndarray:
    """Weight decay at which each direction falls below a tenth of σ, between two runs on a logarithmic scale.

    Infinite for one that never does, 0 for one that is never above.
    """
    sigma = np.array(sweep[0]["sigma"])
    share = np.array([strengths(record) / sigma for record in sweep])
    decays = np.log([record["recipe"]["weight_decay"] for record in sweep])
    out = np.empty(sigma.size)
    for i, values in enumerate(share.T):
        below = np.flatnonzero(values < LOST)
        if below.size == 0:
            out[i] = np.inf
        elif below[0] == 0:
            out[i] = 0.0
        else:
            last, first = below[0] - 1, below[0]
            part = (values[last] - LOST) / (values[last] - values[first])
            out[i] = np.exp(decays[last] + part * (decays[first] - decays[last]))
    return out
