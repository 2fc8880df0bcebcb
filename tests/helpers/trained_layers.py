"""Last layers descended with PyTorch on one feature vector a sample: losses and gradients are PyTorch's, not ours."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

import penultimate as pen
from seeds import SEED


def torch_loss(name, counts):
    """The training loss of a name, of logits (N × K) and labels, as its paper has it."""
    kind, *numbers = name.split(":")
    n = torch.tensor(counts.values)
    entropy, log_prior = torch.nn.functional.cross_entropy, torch.log(n / n.sum())
    if kind == "mse":
        share = (1 / n if numbers == ["inverse"] else torch.ones_like(n)).to(torch.float64)

        def squared(z, y):
            each = ((z - torch.nn.functional.one_hot(y, len(n))) ** 2).sum(1) / 2
            return (share[y] * each).sum() / share[y].sum()

        return squared
    strength = float(numbers[0]) if numbers and numbers[0] != "inverse" else 0.0
    return {
        "ce": lambda z, y: entropy(z, y),
        "weighted": lambda z, y: entropy(z, y, weight=1 / n),
        "smooth": lambda z, y: entropy(z, y, label_smoothing=strength),
        "la": lambda z, y: entropy(z + strength * log_prior, y),
        "cdt": lambda z, y: entropy(z * (n / n.max()) ** strength, y),
    }[kind]


@dataclass
class TrainedLayer:
    """Features (N × d), layers, bias and what they were trained with."""

    counts: pen.ClassCounts
    labels: np.ndarray
    loss: str
    weight_decay: float
    feature_decay: float
    features: torch.Tensor
    layers: list[torch.Tensor]
    bias: torch.Tensor | None

    @classmethod
    def at_random(cls, counts, loss, *, layers=1, d=5, seed=0, bias=True, weight_decay=2e-2, feature_decay=3e-4):
        """Features that scatter about class means, and a head that fits them a little."""
        rng, classes = np.random.default_rng(seed + SEED), len(counts)
        labels = np.repeat(np.arange(classes), counts)
        means = rng.standard_normal((classes, d))
        features = means[labels] + 0.3 * rng.standard_normal((labels.size, d))
        hidden = [np.eye(d) + 0.3 * rng.standard_normal((d, d)) for _ in range(layers - 1)]
        weights = [*hidden, means + 0.3 * rng.standard_normal((classes, d))]
        return cls(
            pen.ClassCounts(counts),
            labels,
            loss,
            weight_decay,
            feature_decay,
            torch.tensor(features, requires_grad=True),
            [torch.tensor(weight, requires_grad=True) for weight in weights],
            torch.tensor(rng.standard_normal(classes), requires_grad=True) if bias else None,
        )

    @property
    def leaves(self):
        return [self.features, *self.layers, *([] if self.bias is None else [self.bias])]

    @property
    def head(self):
        return pen.Head(
            tuple(layer.detach().numpy().copy() for layer in self.layers),
            None if self.bias is None else self.bias.detach().numpy().copy(),
        )

    def objective(self):
        """Loss with the decays of the layers and of the features."""
        z = self.features
        for layer in self.layers:
            z = z @ layer.T
        z = z if self.bias is None else z + self.bias
        decay = self.weight_decay * sum((layer**2).sum() for layer in self.layers)
        decay = decay + self.feature_decay * (self.features**2).sum()
        return torch_loss(self.loss, self.counts)(z, torch.tensor(self.labels)) + decay / 2

    def gradients(self):
        """Of the objective, in the layers."""
        return [part.numpy() for part in torch.autograd.grad(self.objective(), self.layers)]

    def train(self):
        """L-BFGS to the end, from where it is."""
        sizes = [leaf.numel() for leaf in self.leaves]

        def evaluate(flat):
            self._set(flat, sizes)
            value = self.objective()
            slopes = torch.autograd.grad(value, self.leaves)
            return value.item(), torch.cat([slope.reshape(-1) for slope in slopes]).numpy()

        begin = torch.cat([leaf.detach().reshape(-1) for leaf in self.leaves]).numpy()
        options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-7, "maxcor": 40}
        self._set(minimize(evaluate, begin, jac=True, method="L-BFGS-B", options=options).x, sizes)
        return self

    def audit(self, **more):
        features = self.features.detach().numpy().copy()
        return pen.audit(
            features, self.labels, head=self.head, **{"weight_decay": self.weight_decay, "loss": self.loss, **more}
        )

    def _set(self, flat, sizes):
        with torch.no_grad():
            for leaf, part in zip(self.leaves, np.split(flat, np.cumsum(sizes)[:-1]), strict=True):
                leaf.copy_(torch.tensor(part).reshape(leaf.shape))
