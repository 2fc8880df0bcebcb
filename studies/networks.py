"""Bodies of small networks, by the name that a recipe gives them, and the linear layers on top.

A body makes the features h. Fully connected, convolutional, residual, a transformer over tokens, none at all (a linear
probe), and the last block of an encoder that was trained elsewhere, with all below it frozen.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import penultimate as pen
from studies import encoders, zoo_data

if TYPE_CHECKING:
    from studies.training import Recipe


class Network(nn.Module):
    """A body and L linear layers; ``forward`` gives the outputs, ``body`` the features."""

    def __init__(self, recipe: "Recipe", inputs: Tensor, classes: int) -> None:
        super().__init__()
        self.body = BODIES[recipe.body](recipe, inputs)
        width = WIDTHS.get(recipe.body, recipe.width)
        width = inputs.shape[1] if recipe.body == "probe" else width
        square = [nn.Linear(width, width, bias=False) for _ in range(recipe.layers - 1)]
        self.head = nn.Sequential(*square, nn.Linear(width, classes))
        self.train()  # a block of an encoder comes as it is used

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of shape (batch, K)."""
        return self.head(self.body(inputs))

    def as_head(self) -> pen.Head:
        """The linear layers, as the package knows them."""
        layers = [layer.weight.detach().numpy().astype(np.float64) for layer in self.head]
        return pen.Head(tuple(layers), self.head[-1].bias.detach().numpy().astype(np.float64))


def _activation(recipe: "Recipe") -> nn.Module:
    return {"relu": nn.ReLU, "leaky": lambda: nn.LeakyReLU(0.3)}[recipe.activation]()


def _perceptron(recipe: "Recipe", inputs: Tensor) -> nn.Sequential:
    parts: list[nn.Module] = [nn.Flatten()]
    for below, above in pairwise((int(np.prod(inputs.shape[1:])), *recipe.hidden, recipe.width)):
        parts.append(nn.Linear(below, above, bias=not recipe.batch_norm))
        parts += [nn.BatchNorm1d(above)] if recipe.batch_norm else []
        parts.append(_activation(recipe))
    return nn.Sequential(*parts)


def _convolutions(recipe: "Recipe", inputs: Tensor) -> nn.Sequential:
    """Two convolutions and a linear layer; batch-norm behind each of them, or, for a "plain-cnn", biases instead."""
    plain = recipe.body == "plain-cnn"

    def normed(layer: nn.Module, width: int, norm: type[nn.Module]) -> list[nn.Module]:
        return [layer, nn.ReLU()] if plain else [layer, norm(width), nn.ReLU()]

    side = -(-inputs.shape[-1] // 4)
    return nn.Sequential(
        *normed(nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=plain), 16, nn.BatchNorm2d),
        *normed(nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=plain), 32, nn.BatchNorm2d),
        nn.Flatten(),
        *normed(nn.Linear(32 * side * side, recipe.width, bias=plain), recipe.width, nn.BatchNorm1d),
    ).to(memory_format=torch.channels_last)


class _Residual(nn.Module):
    """Two convolutions with batch-norm beside a short cut, which is a convolution where the shape changes."""

    def __init__(self, below: int, above: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(below, above, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(above)
        self.second = nn.Conv2d(above, above, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(above)
        same = below == above and stride == 1
        self.short = nn.Identity() if same else nn.Conv2d(below, above, 1, stride, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """What goes in and what two convolutions make of it, added."""
        inner = functional.relu(self.first_norm(self.first(inputs)))
        return functional.relu(self.short(inputs) + self.second_norm(self.second(inner)))


def _residual(recipe: "Recipe", inputs: Tensor) -> nn.Sequential:
    """A stem, two residual blocks, and the average over all places: features are 16 wide, or `width`."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        _Residual(16, 16, 1),
        _Residual(16, recipe.width, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


class _Transformer(nn.Module):
    """Embedded tokens and places, one block for each hidden width, and the mean over tokens; token 0 is none."""

    def __init__(self, recipe: "Recipe", inputs: Tensor) -> None:
        super().__init__()
        self.tokens = nn.Embedding(zoo_data.TOKENS, recipe.width)
        self.places = nn.Parameter(0.02 * torch.randn(inputs.shape[1], recipe.width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(recipe.width, 4, hidden, dropout=0.0, batch_first=True, norm_first=True)
            for hidden in recipe.hidden
        )
        self.norm = nn.LayerNorm(recipe.width)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of shape (batch, d)."""
        held = inputs > 0
        states = self.tokens(inputs) + self.places
        for block in self.blocks:
            states = block(states, src_key_padding_mask=~held)
        return self.norm(_pooled(states, held))


class _LastImageBlock(nn.Module):
    """The last convolution of EfficientNet-Lite0 with its batch-norm, from the weights of ImageNet."""

    def __init__(self, _: "Recipe", __: Tensor) -> None:
        super().__init__()
        encoder = encoders.efficientnet()
        self.convolution, self.norm = encoder._conv_head, encoder._bn1

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of shape (batch, 1280)."""
        return functional.relu6(self.norm(self.convolution(inputs))).mean(dim=(2, 3))


class _LastTextBlock(nn.Module):
    """The last block of all-MiniLM-L6-v2 and the mean over tokens; a token of zeros is none."""

    def __init__(self, _: "Recipe", __: Tensor) -> None:
        super().__init__()
        self.block = encoders.minilm()[1].encoder.layer[-1]

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of shape (batch, 384)."""
        held = inputs.abs().sum(dim=2) > 0
        unseen = torch.zeros(held.shape).masked_fill(~held, torch.finfo(torch.float32).min)[:, None, None]
        states = self.block(inputs, unseen)
        return _pooled(states if isinstance(states, Tensor) else states[0], held)


def _pooled(states: Tensor, held: Tensor) -> Tensor:
    weights = held[:, :, None].to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1.0)


BODIES: dict[str, Callable[["Recipe", Tensor], nn.Module]] = {
    "mlp": _perceptron,
    "cnn": _convolutions,
    "plain-cnn": _convolutions,
    "resnet": _residual,
    "transformer": _Transformer,
    "probe": lambda recipe, inputs: nn.Identity(),
    "image-block": _LastImageBlock,
    "text-block": _LastTextBlock,
}
# Features of an encoder's last block are as wide as they are.
WIDTHS = {"image-block": 1280, "text-block": 384}
