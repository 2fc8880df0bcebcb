"""A zoo of small trained networks: what do others tell of the feature decay, before one is trained oneself?

Perceptrons, convolutional and residual networks, transformers, linear probes and last blocks on frozen encoders learn
images, text and tables with imbalanced classes, each at weight decays over two powers of ten. What an audit says of
each is a row of the bundled table ``networks.csv``, which forecasts before training rest on. Here every network is
forecast from those on other data alone: does the range hold the number of directions that it kept?
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

import penultimate as pen
from penultimate.files import write_whole
from penultimate.forecasts.status import LOST
from penultimate.model.networks import RANGE, Networks, TrainedNetwork, read_networks, summed_up
from studies.results import Claim, Study, main, markdown, mean, median, shown
from studies.training import Recipe, run_all

TABLE = Path(str(files("penultimate"))) / "data" / "networks" / "networks.csv"
# Kinds as `penultimate forecast --like` names them, by what makes the features.
_KINDS = {
    "mlp": "perceptron",
    "cnn": "cnn",
    "plain-cnn": "cnn",
    "resnet": "resnet",
    "transformer": "transformer",
    "probe": "probe",
    "image-block": "fine-tuned",
}
# How tables call optimisers and losses.
WORDS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "mse": "squared error", "ce": "cross-entropy"}
_SOURCES = ("Fashion-MNIST", "glosses", "hypernyms", "cities")

# The smallest weight decay of a sweep, by loss and optimiser.
SQUARED, ENTROPY, DECOUPLED = 1e-3, 1e-4, 0.03
STEPS = 5  # weight decays of a sweep, over two powers of ten
SEEDS = 3


def sweep(recipe: Recipe, seeds: int = 1, steps: int = STEPS) -> list[Recipe]:
    """A recipe at weight decays over two powers of ten, from its own up."""
    return [
        replace(recipe, weight_decay=float(f"{recipe.weight_decay * 100 ** (step / (steps - 1)):.3g}"), seed=seed)
        for seed in range(seeds)
        for step in range(steps)
    ]


def recipes() -> Iterator[Recipe]:
    """Every network of the zoo; the first few with three seeds each."""
    fashion: dict[str, Any] = {"data": "small Fashion-MNIST", "ratio": 50.0}
    encoded: dict[str, Any] = {"ratio": 50.0, "data": "small Fashion-MNIST, EfficientNet"}
    small: dict[str, Any] = {"hidden": (96,), "width": 48, "epochs": 300}
    short: dict[str, Any] = small | {"epochs": 100}
    wide: dict[str, Any] = {"hidden": (128,), "width": 128, "epochs": 60}
    tokens: dict[str, Any] = {"body": "transformer", "hidden": (64,), "width": 32, "epochs": 60}
    entropy, adamw = {"loss": "ce"}, {"optimiser": "adamw"}
    for group in (
        Recipe(SQUARED, data="segment", ratio=50.0, **small),
        Recipe(SQUARED, data="hypernyms", **wide),
        Recipe(SQUARED, data="chess", **short),
    ):
        yield from sweep(group, SEEDS)
    for group in (
        Recipe(ENTROPY, data="segment", ratio=50.0, **small, **entropy),
        Recipe(SQUARED, body="resnet", width=32, epochs=40, **fashion),
        Recipe(ENTROPY, body="plain-cnn", width=48, epochs=60, **fashion, **entropy),
        Recipe(DECOUPLED, data="frequent glosses, tokens", **tokens, **adamw),
        Recipe(SQUARED, **fashion, **small),
        Recipe(ENTROPY, **fashion, **small, **entropy),
        Recipe(SQUARED, **fashion, **(small | {"hidden": (96, 64, 64)})),
        Recipe(SQUARED, layers=2, **fashion, **short),
        Recipe(DECOUPLED, **fashion, **short, **adamw),
        Recipe(SQUARED, body="plain-cnn", width=48, epochs=60, **fashion),
        Recipe(SQUARED, body="cnn", width=48, epochs=60, **fashion),
        Recipe(ENTROPY, body="cnn", width=48, epochs=60, **fashion, **entropy),
        Recipe(SQUARED, body="probe", epochs=100, **encoded),
        Recipe(ENTROPY, body="probe", epochs=100, **encoded, **entropy),
        Recipe(SQUARED, body="probe", epochs=60, data="small glosses, MiniLM"),
        Recipe(ENTROPY, body="probe", epochs=60, data="small glosses, wordllama", **entropy),
        Recipe(SQUARED, body="probe", epochs=60, data="hypernyms, MiniLM"),
        Recipe(SQUARED, data="vowel", ratio=15.0, **small),
        Recipe(SQUARED, data="satellite", **short),
        Recipe(SQUARED, data="digits", ratio=20.0, batch_norm=True, **small),
        Recipe(ENTROPY, data="digits", ratio=20.0, optimiser="adam", **small, **entropy),
        Recipe(SQUARED, data="nursery", **short),
        Recipe(ENTROPY, data="chess", **short, **entropy),
        Recipe(SQUARED, data="small glosses", **short),
        Recipe(SQUARED, data="small cities", **(short | {"epochs": 60})),
        Recipe(ENTROPY, data="hypernyms", **wide, **entropy),
        Recipe(ENTROPY, body="resnet", width=32, epochs=40, **fashion, **entropy),
    ):
        yield from sweep(group)
    # The last convolution of a large encoder is dear: three decays.
    block = Recipe(SQUARED, body="image-block", epochs=20, ratio=50.0, data=f"{encoded['data']} before its last block")
    yield from sweep(block)[:3]


@dataclass(frozen=True)
class Trained:
    """What one network of the zoo showed.

    Attributes
    ----------
    recipe : Recipe
    record : mapping
        As `studies.training.run` returns it.
    """

    recipe: Recipe
    record: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """As `penultimate forecast --like` names it."""
        return _KINDS[self.recipe.body]

    @property
    def source(self) -> str:
        """What its data were made of: two cuts of one set are no two sets."""
        return next((name for name in _SOURCES if name in self.recipe.data), self.recipe.data)

    @property
    def decay(self) -> float:
        """λ: what was set, or what AdamW's last layer felt."""
        felt = self.record["decay_by_slope"]
        return felt if self.recipe.optimiser == "adamw" and felt > 0 else self.recipe.weight_decay

    @cached_property
    def counts(self) -> pen.ClassCounts:
        """Of its training samples."""
        return self.recipe.load().counts

    @cached_property
    def _alive(self) -> tuple[np.ndarray, np.ndarray]:
        """Strength and pull of every direction that keeps a tenth of what both are together, with multiplicity."""
        if self.record["collapsed"]:
            return np.empty(0), np.empty(0)
        strength, lost = (np.array(self._each(name), dtype=float) for name in ("strength", "lost"))
        keeps = strength >= LOST * (strength + lost)
        return strength[keeps], lost[keeps]

    def _each(self, name: str) -> np.ndarray:
        values = self.record.get(name) or list(np.array(self.record["sigma"]) - np.array(self.record["strength"]))
        return np.repeat(np.array(values, dtype=float), self.record["multiplicity"])

    @property
    def survivors(self) -> int:
        """Directions alive."""
        return int(self._alive[0].size)

    @property
    def directions(self) -> int:
        """All that there are."""
        return pen.LabelSpectrum(self.counts).rank

    @cached_property
    def feature_decays(self) -> tuple[float, float, float] | None:
        """N λ_H by the quartiles of the directions alive; None where there is none.

        From what each of them lost, γ = N κ t^{p−1} (docs/theory §6.1), at the network's own decay.
        """
        strength, lost = self._alive
        if not strength.size:
            return None
        layers, samples = self.recipe.layers, self.counts.samples
        kappa = np.maximum(np.quantile(lost * strength ** (1 - 2 / (layers + 1)), (0.25, 0.5, 0.75)) / samples, 0.0)
        low, middle, high = (samples * kappa ** (layers + 1) / self.decay**layers).tolist()
        return low, middle, high

    def row(self) -> dict[str, object]:
        """Its line in the bundled table."""
        recipe, record, decays = self.recipe, self.record, self.feature_decays or (None, None, None)
        whole = not record["collapsed"]
        noise = self._each("noise") / self._each("lost") if whole and "lost" in record else np.full(1, np.nan)
        figures = {
            "weight_decay": recipe.weight_decay,
            "felt_decay": record["decay_by_slope"],
            "norms": record["calibration"]["feature_decay_by_norms"] * self.counts.samples if whole else None,
            "lower": decays[0],
            "median": decays[1],
            "upper": decays[2],
            "noise_share": float(np.nanmedian(noise)) if np.isfinite(noise).any() else None,
            "recall": float(np.mean(record["recall"])),
        }
        return {
            "kind": self.kind,
            "data": recipe.data,
            "source": self.source,
            "classes": self.counts.classes,
            "samples": int(self.counts.samples),
            "loss": recipe.loss,
            "optimiser": recipe.optimiser,
            "layers": recipe.layers,
            "seed": recipe.seed,
            "directions": self.directions,
            "survivors": self.survivors,
            **{name: None if value is None else float(f"{value:.4g}") for name, value in figures.items()},
        }


def written(networks: Sequence[Trained]) -> str:
    """The table as text."""
    out = io.StringIO()
    rows = [network.row() for network in networks]
    table = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return out.getvalue()


@dataclass(frozen=True)
class Trial:
    """One network, forecast from those on other data.

    Attributes
    ----------
    network : Trained
    fewest, middle, most : int
        Survivors that are forecast: the range, and at the median.
    assumed : int
        Survivors at c = 1, what was assumed before there was a zoo.
    """

    network: Trained
    fewest: int
    middle: int
    most: int
    assumed: int

    @property
    def held(self) -> bool:
        """Whether the range holds what the network kept."""
        return self.fewest <= self.network.survivors <= self.most

    def off(self, forecast: int) -> float:
        """Directions between a forecast and what was kept, as a share of all."""
        return abs(forecast - self.network.survivors) / self.network.directions


def trial(network: Trained, others: Sequence[TrainedNetwork], scope: str | None = None) -> Trial:
    """Forecast a network's survivors from those of other sources."""
    told = summed_up([other for other in others if other.source != network.source], scope or network.kind)
    problem = pen.Problem.from_decays(network.decay, layers=network.recipe.layers, loss=network.recipe.loss)

    def survivors(known: Networks | None) -> int:
        return pen.forecast(network.counts, problem=replace(problem, networks=known)).survivors

    low, middle, high = (survivors(told.at_end(end)) for end in (-1, 0, 1))
    return Trial(network, high, middle, low, survivors(None))


def coverage(trials: Sequence[Trial], name: Callable[[Trial], str]) -> str:
    """How often ranges hold, by what a name says."""
    names = sorted({name(one) for one in trials})
    groups = [("all", list(trials)), *((label, [one for one in trials if name(one) == label]) for label in names)]
    rows = [
        (
            label,
            f"{len(some)}",
            f"{len({one.network.source for one in some})}",
            shown(mean([one.held for one in some]), ".0%"),
            shown(mean([(one.most - one.fewest) / one.network.directions for one in some]), ".0%"),
            shown(mean([one.off(one.middle) for one in some]), ".0%"),
            shown(mean([one.off(one.assumed) for one in some]), ".0%"),
        )
        for label, some in groups
    ]
    head = ("networks", "number", "sources", "range holds", "its width", "median is off by", "c = 1 is off by")
    return markdown(head, rows)


def decays_table(networks: Sequence[Trained]) -> str:
    """N λ_H of networks that had lost some directions and not all, by kind and by loss."""
    rows = []
    some = [one for one in networks if one.feature_decays is not None and 0 < one.survivors < one.directions]
    for kind, loss in sorted({(one.kind, one.recipe.loss) for one in some}):
        decays = [one.feature_decays[1] for one in some if (one.kind, one.recipe.loss) == (kind, loss)]
        rows.append((kind, loss, f"{len(decays)}", *(f"{value:.2g}" for value in np.quantile(decays, RANGE))))
    return markdown(("kind", "loss", "networks", "N λ_H: lowest tenth", "median", "highest tenth"), rows)


def felt_table(networks: Sequence[Trained]) -> str:
    """What λ the last layer felt, as a share of what was set, by optimiser."""
    rows = []
    for optimiser in sorted({one.recipe.optimiser for one in networks}):
        for decay in sorted({one.recipe.weight_decay for one in networks if one.recipe.optimiser == optimiser}):
            felt = [
                one.record["decay_by_slope"] / decay
                for one in networks
                if (one.recipe.optimiser, one.recipe.weight_decay) == (optimiser, decay) and one.survivors
            ]
            rows.append((WORDS[optimiser], f"{decay:g}", f"{len(felt)}", shown(median(felt), ".2g")))
    return markdown(("optimiser", "weight decay set", "networks", "felt, as a share of it (median)"), rows)


def study(quick: bool = False, seed: int = 0) -> Study:
    """Train all, write the table, and judge forecasts of each from the others."""
    wanted = quick_recipes(seed) if quick else list(recipes())
    networks = [Trained(recipe, record) for recipe, record in zip(wanted, run_all(wanted), strict=True)]
    text = written(networks)
    if not quick:
        TABLE.parent.mkdir(exist_ok=True)
        write_whole(TABLE, text)
    others = read_networks(text.splitlines())
    # Where no network on other data tells anything there is nothing to forecast from.
    sources = {other.source for other in others}
    trials = [trial(network, others) for network in networks if sources - {network.source}]
    held = mean([one.held for one in trials])
    middle, assumed = (mean([one.off(getattr(one, name)) for one in trials]) for name in ("middle", "assumed"))
    claims = [
        Claim(
            "before training, the range from networks on other data holds the number of survivors",
            "four in five",
            f"{shown(held, '.0%')} of {len(trials)} networks",
            1 - held,
            0.2,
            "what the range promises",
        ),
        Claim(
            "the median of other networks forecasts survivors better than c = 1",
            "nearer",
            f"off by {shown(middle, '.0%')} of the directions for {shown(assumed, '.0%')}",
            middle / assumed if assumed else float("nan"),
            1.0,
            "ratio",
        ),
    ]
    tables = {
        "kinds": coverage(trials, lambda one: one.network.kind),
        "sources": coverage(trials, lambda one: one.network.source),
        "decays": decays_table(networks),
        "felt": felt_table(networks),
    }
    facts = {"networks": len(networks), "telling": len(others), "held": held}
    return Study(claims, {}, facts, tables)


def quick_recipes(seed: int) -> list[Recipe]:
    """Small perceptrons on the digits, and linear probes on the same pixels as a set of their own."""
    sets = ({"data": "digits", "ratio": 20.0}, {"data": "pixels of digits", "ratio": 5.0, "body": "probe"})
    return [
        Recipe(decay, seed, hidden=(16,), width=12, epochs=20, **some) for some in sets for decay in (4e-3, 4e-2, 0.3)
    ]


if __name__ == "__main__":
    main("zoo", study)
