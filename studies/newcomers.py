"""Networks beside the zoo, three seeds each, on most of which the law of §15 is judged.

Those of `recipes` helped to choose its constants, after an earlier law had been judged on them; no others took part.
Other data than the zoo's (digits of MNIST, verbs by their hypernyms), and every kind of network that is no perceptron
and can be trained within seconds: with batch-norm, residual, a transformer over words, and linear probes on frozen
encodings. They are not in the bundled table, which forecasts before training rest on.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from studies import zoo
from studies.training import Network, Recipe, measure, train
from studies.zoo import ENTROPY, SEEDS, SQUARED, sweep

# Weight decays of a sweep with squared error, twice as near to each other as in the zoo.
FINE = 9
# Text of many classes is lost to a tenth of what images bear.
_TEXT = SQUARED / 10


def later() -> Iterator[Recipe]:
    """Networks that the law's constants were chosen without, at `FINE` weight decays."""
    small: dict[str, Any] = {"hidden": (64,), "width": 48, "epochs": 300, "batch_norm": True, "activation": "leaky"}
    for group in (
        Recipe(SQUARED, data="signs", ratio=4.0, **small),
        Recipe(SQUARED, data="accidents", hidden=(96, 64), width=48, epochs=40),
        Recipe(SQUARED, data="states", layers=2, hidden=(128,), width=96, epochs=40),
        Recipe(SQUARED, data="countries", hidden=(128,), width=128, activation="leaky", epochs=20),
        Recipe(SQUARED, body="plain-cnn", width=48, data="MNIST", ratio=40.0, epochs=60),
    ):
        yield from sweep(group, SEEDS, FINE)


def blocks() -> Iterator[Recipe]:
    """The last blocks of two encoders, on all below it frozen, at `FINE` weight decays; no part in the law either."""
    for group in (
        Recipe(SQUARED, body="image-block", data="MNIST, EfficientNet before its last block", ratio=40.0, epochs=60),
        Recipe(SQUARED, body="text-block", data="few verbs, MiniLM before its last block", epochs=24),
    ):
        yield from sweep(group, SEEDS, FINE)


def entropy() -> Iterator[Recipe]:
    """Those of `later` with cross-entropy and one linear layer, at the zoo's weight decays."""
    for first in later():
        if (first.seed, first.weight_decay) == (0, SQUARED):
            yield from sweep(replace(first, loss="ce", layers=1, weight_decay=ENTROPY), SEEDS)


def raised() -> Iterator[Recipe]:
    """Networks whose weight decay is raised, at the least: those of `later`, and one that dies at once from scratch."""
    zoos = (one for one in zoo.recipes() if (one.data, one.body, one.loss) == ("hypernyms", "mlp", "mse"))
    yield from (recipe for recipe in [*zoos, *later()] if recipe.weight_decay == SQUARED)


def rising(recipe: Recipe, network: Network) -> dict[str, Any]:
    """One network over all of a sweep: trained on at each weight decay from where the last one left it."""
    first, *higher = (replace(at, seed=recipe.seed) for at in sweep(recipe, 1, FINE))
    records = [_measured(first, network)]
    records += [_measured(at, train(at, network=network)) for at in higher]
    return {"records": records}


def _measured(recipe: Recipe, network: Network) -> dict[str, Any]:
    return {"recipe": asdict(recipe), **measure(recipe, network)}


def recipes() -> Iterator[Recipe]:
    """Every network, seed by seed, each at the zoo's weight decays over two powers of ten."""
    digits: dict[str, Any] = {"data": "MNIST", "ratio": 40.0, "epochs": 60}
    tokens: dict[str, Any] = {"body": "transformer", "hidden": (64,), "width": 32}
    encoded: dict[str, Any] = {"data": "verbs, wordllama", "epochs": 60}
    for group in (
        Recipe(SQUARED, body="cnn", width=48, **digits),
        Recipe(_TEXT, body="probe", **encoded),
        Recipe(ENTROPY, body="cnn", width=48, loss="ce", **digits),
        Recipe(SQUARED, body="resnet", width=32, **digits),
        Recipe(_TEXT, hidden=(128,), width=128, **encoded),
        Recipe(_TEXT, epochs=150, data="frequent verbs, tokens", **tokens),
        Recipe(ENTROPY, loss="ce", epochs=40, data="verbs, tokens", **tokens),
        Recipe(ENTROPY, body="probe", loss="ce", **encoded),
    ):
        yield from sweep(group, SEEDS)
