"""Networks that took no part in choosing the constants of the law of §15, three seeds each.

Those of `later` were trained after these had been chosen; on those of `recipes` an earlier law had been judged.
Other data than the zoo's (digits of MNIST, verbs by their hypernyms), and every kind of network that is no perceptron
and can be trained within seconds: with batch-norm, residual, a transformer over words, and linear probes on frozen
encodings. They are not in the bundled table, which forecasts before training rest on.
"""

from collections.abc import Iterator
from typing import Any

from studies.training import Recipe
from studies.zoo import ENTROPY, SEEDS, SQUARED, sweep

# Weight decays of a sweep with squared error, twice as near to each other as in the zoo.
FINE = 9
# Text of many classes is lost to a tenth of what images bear.
_TEXT = SQUARED / 10


def later() -> Iterator[Recipe]:
    """Networks trained after the constants of the law by odds were chosen, at `FINE` weight decays."""
    small: dict[str, Any] = {"hidden": (64,), "width": 48, "epochs": 300, "batch_norm": True, "activation": "leaky"}
    for group in (
        Recipe(SQUARED, data="signs", ratio=4.0, **small),
        Recipe(SQUARED, data="accidents", hidden=(96, 64), width=48, epochs=40),
        Recipe(SQUARED, data="states", layers=2, hidden=(128,), width=96, epochs=40),
        Recipe(SQUARED, data="countries", hidden=(128,), width=128, activation="leaky", epochs=20),
        Recipe(SQUARED, body="plain-cnn", width=48, data="MNIST", ratio=40.0, epochs=60),
    ):
        yield from sweep(group, SEEDS, FINE)


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
