"""A zoo of small trained networks: what does a network tell of its feature decay, before one is trained oneself?

Perceptrons, convolutional and residual networks, transformers, linear probes and last blocks on frozen encoders learn
images, text and tables with imbalanced classes, each at weight decays over two powers of ten.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import penultimate as pen
from studies.networks import Network
from studies.training import Recipe, criterion_of, features, measure

SQUARED, ENTROPY, DECOUPLED = 1e-3, 1e-4, 0.03  # the smallest weight decay of a sweep, by loss and optimiser
STEPS = 5  # weight decays of a sweep, over two powers of ten
SEEDS = 3


def sweep(recipe: Recipe, seeds: int = 1) -> list[Recipe]:
    """A recipe at weight decays over two powers of ten, from its own up."""
    return [
        replace(recipe, weight_decay=float(f"{recipe.weight_decay * 10 ** (step / 2):.3g}"), seed=seed)
        for seed in range(seeds)
        for step in range(STEPS)
    ]


def recipes() -> Iterator[Recipe]:
    """Every network of the zoo; first those on bodies and data that no law was made on, with three seeds each."""
    fashion: dict[str, Any] = {"data": "small Fashion-MNIST", "ratio": 50.0}
    encoded: dict[str, Any] = {"ratio": 50.0, "data": "small Fashion-MNIST, EfficientNet"}
    small: dict[str, Any] = {"hidden": (96,), "width": 48, "epochs": 300}
    short: dict[str, Any] = small | {"epochs": 100}
    wide: dict[str, Any] = {"hidden": (128,), "width": 128, "epochs": 60}
    tokens: dict[str, Any] = {"body": "transformer", "hidden": (64,), "width": 32, "epochs": 60}
    entropy, adamw = {"loss": "ce"}, {"optimiser": "adamw"}
    for group in (
        Recipe(SQUARED, data="segment", ratio=50.0, **small),
        Recipe(ENTROPY, data="segment", ratio=50.0, **small, **entropy),
        Recipe(SQUARED, data="hypernyms", **wide),
        Recipe(SQUARED, data="chess", **short),
        Recipe(SQUARED, body="resnet", width=32, epochs=40, **fashion),
        Recipe(ENTROPY, body="plain-cnn", width=48, epochs=60, **fashion, **entropy),
        Recipe(DECOUPLED, data="frequent glosses, tokens", **tokens, **adamw),
    ):
        yield from sweep(group, SEEDS)
    for group in (
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
        Recipe(SQUARED, data="frequent glosses, tokens", **tokens),
        Recipe(DECOUPLED, data="small cities, letters", **(tokens | {"epochs": 15}), **adamw),
        Recipe(ENTROPY, data="frequent glosses, tokens", **tokens, **entropy),
        Recipe(ENTROPY, body="resnet", width=32, epochs=40, **fashion, **entropy),
        Recipe(SQUARED, body="text-block", epochs=2, data="frequent glosses, MiniLM before its last block"),
        Recipe(ENTROPY, body="text-block", epochs=2, data="frequent glosses, MiniLM before its last block", **entropy),
        Recipe(SQUARED, body="image-block", epochs=20, ratio=50.0, data=f"{encoded['data']} before its last block"),
    ):
        yield from sweep(group)


def measured(recipe: Recipe, network: Network) -> dict[str, Any]:
    """What an audit tells, and the weight decay that the last layers felt: AdamW's is not the one that was set."""
    counts = recipe.load().counts
    felt = felt_decay(recipe, network)
    audited = replace(recipe, weight_decay=felt) if recipe.optimiser == "adamw" and felt > 0 else recipe
    return measure(audited, network) | {
        "felt_decay": felt,
        "multiplicity": pen.LabelSpectrum(counts).multiplicity.tolist(),
    }


def felt_decay(recipe: Recipe, network: Network) -> float:
    """λ by which shrinking the last layers balances the loss, ``−Σ_l ⟨∂loss/∂W_l, W_l⟩ / Σ_l ‖W_l‖²``.

    At the end of a training with λ on every parameter it is λ.
    """
    data = recipe.load()
    held = torch.from_numpy(features(network, data.inputs))
    weights = [layer.weight for layer in network.head]
    loss = criterion_of(recipe.loss, data.counts)(network.head(held), data.labels)
    slopes = torch.autograd.grad(loss, weights)
    square = sum(float(weight.detach().square().sum()) for weight in weights)
    pull = -sum(float((slope * weight.detach()).sum()) for slope, weight in zip(slopes, weights, strict=True))
    return pull / square if square > 0 else 0.0
