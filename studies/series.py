"""Runs that differ in weight decay alone, and what seeds of the same network have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np

from penultimate.audits.law_reading import ALIGNED
from penultimate.forecasts.status import LOST, OWN
from studies.law import (
    LEAST,
    Deaths,
    Law,
    Record,
    Score,
    alive,
    by_norms,
    by_strengths,
    by_two,
    implied,
    observed_death,
    score,
    strengths,
    well_learnt,
)

# Numbers of layers that an effective depth is chosen from.
CANDIDATES = (1, 2, 3, 4, 5)
# The decay at which findings 2 to 4 are looked at, or the nearest there is: that of docs/forecast's example.
SHOWN = 4e-3
PARTS = ("decay", "noise", "mixing", "unsettled")


@dataclass(frozen=True)
class Sweep:
    """One network, one seed, every weight decay, in rising order."""

    records: Sequence[Record]

    @property
    def body(self) -> str:
        """Which kind of network, and on what if it is not Fashion-MNIST."""
        recipe = self.records[0]["recipe"]
        return recipe["body"].upper() + ("" if recipe["data"] == "fashion" else f" on {recipe['data']}")

    @property
    def layers(self) -> int:
        """L of the network."""
        return int(self.records[0]["recipe"]["layers"])

    @property
    def sigma(self) -> np.ndarray:
        """Singular values of the label matrix."""
        return np.array(self.records[0]["sigma"])

    @property
    def decays(self) -> np.ndarray:
        """Weight decays of the runs."""
        return np.array([record["recipe"]["weight_decay"] for record in self.records])

    @cached_property
    def dies_at(self) -> np.ndarray:
        """Where each direction was seen to die."""
        return observed_death(self.records)

    @cached_property
    def deaths_between(self) -> Deaths:
        """The same by factors, with the two runs that it lies between."""
        return Deaths.of(self.records)

    def laws(self, layers: int) -> list[Law | None]:
        """What each run implies."""
        return [by_strengths(record, layers) for record in self.records]

    def trials(self, layers: int, *, norms: bool = False) -> Iterator[tuple[Law, Record]]:
        """Every run that can be calibrated, against every other."""
        for one in self.records:
            law = by_norms(one, layers) if norms else by_strengths(one, layers)
            yield from ((law, other) for other in self.records if law is not None and other is not one)

    def pairs(self, layers: int) -> Iterator[tuple[Law, Record]]:
        """Every two runs that can be calibrated, against every other."""
        for one, two in combinations(self.records, 2):
            law = by_two(one, two, layers)
            if law is not None:
                yield from ((law, other) for other in self.records if other is not one and other is not two)

    def deaths(self, layers: int) -> Iterator[tuple[int, float, float]]:
        """Direction, predicted and observed death; the law of each run, and directions that die within the sweep."""
        inside = np.isfinite(self.dies_at) & (self.dies_at > 0)
        for law in self.laws(layers):
            if law is not None:
                predicted = law.death(self.sigma)
                yield from ((i, float(predicted[i]), float(self.dies_at[i])) for i in np.flatnonzero(inside))

    @cached_property
    def effective_layers(self) -> int | None:
        """The L among a few whose law needs most nearly one κ for all directions, by the calibrating runs alone.

        None where no run has enough well-learnt directions to tell.
        """
        runs = [record for record in self.records if well_learnt(record).sum() >= 4]
        if not runs:
            return None
        spread = [np.median([_quartile_spread(implied(run, layers)) for run in runs]) for layers in CANDIDATES]
        return CANDIDATES[int(np.argmin(spread))]


def _quartile_spread(values: np.ndarray) -> float:
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return float((high - low) / abs(middle))


@dataclass(frozen=True)
class Group:
    """All seeds of one network."""

    sweeps: Sequence[Sweep]

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.sweeps[0].body}, L = {self.sweeps[0].layers}"

    @property
    def layers(self) -> int:
        """L of the network."""
        return self.sweeps[0].layers

    @property
    def on_digits(self) -> bool:
        """Whether it is trained on the small clean data."""
        return self.sweeps[0].records[0]["recipe"]["data"] == "digits"

    def score(self, layers: int, *, norms: bool = False) -> Score:
        """One run forecasts all others of its seed, under a law of so many layers."""
        return score(pair for sweep in self.sweeps for pair in sweep.trials(layers, norms=norms))

    def score_of_pairs(self, layers: int) -> Score:
        """Two runs forecast all others of their seed."""
        return score(pair for sweep in self.sweeps for pair in sweep.pairs(layers))

    def best_constant(self) -> float:
        """Share right of the better of the two answers that need no theory: all live, or all die."""
        share = float(np.mean([alive(record) for sweep in self.sweeps for record in sweep.records]))
        return max(share, 1 - share)

    def between_seeds(self) -> tuple[float, float]:
        """Between seeds at equal decay: share of directions alive in one and dead in the other; median |Δt|/σ.

        Not a number with one seed alone.
        """
        different, apart = [], []
        for first, second in combinations(self.sweeps, 2):
            for one, two in zip(first.records, second.records, strict=True):
                different.append(alive(one) != alive(two))
                apart.append(np.abs(strengths(one) - strengths(two)) / first.sigma)
        if not apart:
            return float("nan"), float("nan")
        return float(np.mean(different)), float(np.median(apart))

    def octaves(self, layers: int) -> np.ndarray:
        """log₂ of predicted over observed death."""
        pairs = [(p, o) for sweep in self.sweeps for _, p, o in sweep.deaths(layers)]
        return np.log2(np.array([p / o for p, o in pairs], dtype=float))

    def exponents(self) -> tuple[float, float]:
        """Exponents a, b of the fit σ − t ∝ λ^a t^{−b}, over well-learnt directions: a = L/(L+1), b = (L−1)/(L+1).

        Not a number where there are too few directions, or one weight decay, to fit them.
        """
        rows = [
            (np.log(decay), np.log(t), np.log(sigma - t))
            for sweep in self.sweeps
            for record, decay in zip(sweep.records, sweep.decays, strict=True)
            for sigma, t in zip(sweep.sigma[well_learnt(record)], strengths(record)[well_learnt(record)], strict=True)
            if t < sigma
        ]
        log_decay, log_t, log_lost = np.array(rows).reshape(-1, 3).T
        design = np.stack([np.ones_like(log_t), log_decay, -log_t], axis=1)
        if np.linalg.matrix_rank(design) < 3:
            return float("nan"), float("nan")
        _, a, b = np.linalg.lstsq(design, log_lost)[0]
        return float(a), float(b)

    def feature_decays(self) -> tuple[np.ndarray, np.ndarray]:
        """λ and λ_H by strengths (law of one layer), all runs that can be calibrated."""
        laws = [law for sweep in self.sweeps for law in sweep.laws(1) if law is not None]
        return np.array([law.decay for law in laws]), np.array([law.kappa**2 / law.decay for law in laws])

    def drift(self) -> float:
        """Slope of log λ_H in log λ: 0 if it is a constant."""
        decays, feature = self.feature_decays()
        return float(np.polyfit(np.log(decays), np.log(feature), 1)[0]) if np.unique(decays).size > 1 else float("nan")

    def budget(self) -> dict[str, float]:
        """What makes some directions lose more than others: each part's share of the variance of σ − t, in all one.

        Over well-learnt directions of every run that has seven; shares are covariances with σ − t over its variance.
        """
        lost, parts = [], {name: [] for name in PARTS}
        for record in (record for sweep in self.sweeps for record in sweep.records):
            well = well_learnt(record)
            if well.sum() >= 7:
                total = (np.array(record["sigma"]) - strengths(record))[well]
                lost.append(total - total.mean())
                for name in PARTS:
                    values = np.array(record[name], dtype=float)[well]
                    parts[name].append(values - values.mean())
        total = np.concatenate(lost) if lost else np.zeros(1)
        if not total.any():
            return {}
        return {name: float(np.concatenate(parts[name]) @ total / (total @ total)) for name in PARTS}

    def noise_exponents(self) -> tuple[float, float]:
        """Exponents a, q of the fit noise/t ∝ λ^a y^{−q} from each run to the next, over directions that weaken.

        y is t/σ, and noise what scatter takes in the budget. Not a number where fewer than a dozen weaken.
        """
        rows = [np.zeros((0, 3))]
        for sweep in self.sweeps:
            known = [record for record in sweep.records if not record["collapsed"]]
            for one, two in pairwise(known):
                noise, cosine = (np.array([r[name] for r in (one, two)], dtype=float) for name in ("noise", "cosine"))
                t = np.array([strengths(r) for r in (one, two)])
                meant = (cosine >= ALIGNED).all(axis=0) & (noise > LEAST * t).all(axis=0) & alive(one)
                with np.errstate(invalid="ignore", divide="ignore"):
                    grown, weaker = np.diff(np.log(noise / t), axis=0)[0], -np.diff(np.log(t), axis=0)[0]
                decay = np.log(two["recipe"]["weight_decay"] / one["recipe"]["weight_decay"])
                rows.append(np.stack([grown, np.full(grown.size, decay), weaker], axis=1)[meant & (weaker > LEAST)])
        found = np.concatenate(rows)
        if len(found) < 12:
            return float("nan"), float("nan")
        a, q = np.linalg.lstsq(found[:, 1:], found[:, 0])[0]
        return float(a), float(q)

    def recalls(self, part: str) -> dict[str, np.ndarray]:
        """Recalls of all classes in all runs calibrated by strengths, by what the run's own forecast says they keep."""
        out: dict[str, list[float]] = {"own": [], "shared": [], "lost": []}
        for record in (record for sweep in self.sweeps for record in sweep.records):
            if record["collapsed"] or record["calibration"]["feature_decay_by_strengths"] is None:
                continue
            for kept, recall in zip(record["retained"], record[part], strict=True):
                out["own" if kept >= OWN else "lost" if kept < LOST else "shared"].append(recall)
        return {status: np.array(values) for status, values in out.items()}


def grouped(records: Sequence[Sequence[Record]]) -> list[Group]:
    """Sweeps of the same network together."""
    sweeps = [Sweep(some) for some in records]
    kinds = sorted(
        {(sweep.body, sweep.layers) for sweep in sweeps}, key=lambda kind: (len(kind[0]) > 3, kind[0] != "MLP", kind)
    )
    return [Group([s for s in sweeps if (s.body, s.layers) == kind]) for kind in kinds]
