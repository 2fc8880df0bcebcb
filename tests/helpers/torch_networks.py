"""Small networks and data for the tests of `penultimate.torch`."""

import copy
from functools import cache

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from seeds import SEED

COUNTS = (60, 30, 10, 5)


def blobs(seed: int = 0, width: int = 6, spread: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """A long-tailed data set: one blob a class, COUNTS samples each, in random order."""
    generator = torch.Generator().manual_seed(seed + SEED)
    labels = torch.repeat_interleave(torch.arange(len(COUNTS)), torch.tensor(COUNTS))
    labels = labels[torch.randperm(len(labels), generator=generator)]
    means = 2.0 * torch.randn(len(COUNTS), width, generator=generator)
    return means[labels] + spread * torch.randn(len(labels), width, generator=generator), labels


def loader(batch_size: int = 32, *, seed: int = 0, shuffle: bool = False) -> DataLoader:
    return DataLoader(TensorDataset(*blobs(seed)), batch_size=batch_size, shuffle=shuffle)


def perceptron(seed: int = 0, *, bias: bool = True) -> nn.Sequential:
    """Linear, batch norm, ReLU, dropout, linear: features differ between training and evaluation."""
    torch.manual_seed(seed + SEED)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, len(COUNTS), bias=bias)
    )


def trained() -> nn.Sequential:
    """A perceptron trained with half the squared error on all blobs, in evaluation mode."""
    return copy.deepcopy(_trained())


@cache
def _trained(steps: int = 150, weight_decay: float = 5e-3) -> nn.Sequential:
    model, (inputs, labels) = perceptron(), blobs()
    targets = nn.functional.one_hot(labels, len(COUNTS)).float()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=weight_decay)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = 0.5 * (model(inputs) - targets).square().sum(dim=1).mean()
        loss.backward()
        optimiser.step()
    return model.eval()


@torch.no_grad()
def penultimate_features(model: nn.Sequential, batches: DataLoader, last: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """What enters the last layers of a sequential model in evaluation mode, by a plain loop over its body."""
    body = model[:-last].eval()
    rows = [(body(inputs), labels) for inputs, labels in batches]
    return torch.cat([features for features, _ in rows]).numpy(), torch.cat([labels for _, labels in rows]).numpy()
