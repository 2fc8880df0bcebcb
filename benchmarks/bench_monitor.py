"""The monitor's time for a batch beside the network's own, and of its figures; a look at a large head; one thread."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

import penultimate as pen
from measure import best, console, table

BATCH = 128
# Batches that are timed together: one alone is too short for the clock.
BATCHES = 5


def network(classes: int, width: int) -> nn.Sequential:
    """A small CNN for pictures of 32 × 32: three convolutions, batch norm, a linear head."""
    torch.manual_seed(0)
    sizes = (3, 32, 64, width)
    layers: list[nn.Module] = []
    for below, above in pairwise(sizes):
        layers += [
            nn.Conv2d(below, above, 3, stride=1 if below == 3 else 2, padding=1),
            nn.BatchNorm2d(above),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


def forward(model: nn.Sequential, pictures: torch.Tensor) -> None:
    """Some passes without gradients."""
    with torch.no_grad():
        for _ in range(BATCHES):
            model(pictures)


def train(model: nn.Sequential, pictures: torch.Tensor, labels: torch.Tensor) -> None:
    """Some passes forward and backward."""
    for _ in range(BATCHES):
        nn.functional.cross_entropy(model(pictures), labels).backward()


def watch(monitor: pen.torch.FeatureMonitor, features: torch.Tensor, labels: torch.Tensor) -> None:
    """Some updates."""
    for _ in range(BATCHES):
        monitor.update(features, labels)


def batches() -> None:
    """Print the monitor's share of a batch."""
    title = f"FeatureMonitor beside a small CNN, batches of {BATCH} float32, threads: 1"
    out = table(
        title, "classes, width", "forward", "and backward", "update", "÷ forward", "÷ both", "keep_means", "compute"
    )
    for classes, width in ((10, 64), (100, 128), (100, 512), (1000, 512)):
        model = network(classes, width)
        counts = pen.ClassCounts(np.maximum(5000 * 0.01 ** (np.arange(classes) / classes), 1).astype(int))
        forecast = pen.forecast(counts)
        monitor = pen.torch.FeatureMonitor(classes, width, head=model[-1], forecast=forecast)
        keeping = pen.torch.FeatureMonitor(classes, width, head=model[-1], forecast=forecast, keep_means=True)
        pictures, labels = torch.randn(BATCH, 3, 32, 32), torch.arange(BATCH) % classes
        features = torch.randn(BATCH, width)
        for start in range(0, classes, BATCH):
            monitor.update(features, (torch.arange(BATCH) + start) % classes)
        keeping.update(features, labels)
        passes = best(lambda m=model, x=pictures: forward(m, x), 5) / BATCHES
        both = best(lambda m=model, x=pictures, y=labels: train(m, x, y), 3) / BATCHES
        update = best(lambda m=monitor, h=features, y=labels: watch(m, h, y), 20) / BATCHES
        kept = best(lambda m=keeping, h=features, y=labels: watch(m, h, y), 20) / BATCHES

        def figures(monitor: pen.torch.FeatureMonitor = monitor) -> None:
            monitor._computed = None
            monitor.compute()

        times = (f"{1e3 * passes:.1f} ms", f"{1e3 * both:.1f} ms", f"{1e3 * update:.2f} ms")
        shares = (f"{update / passes:.1%}", f"{update / both:.1%}", f"{kept / update:.2f} ×")
        out.add_row(f"{classes:,}, {width}", *times, *shares, f"{1e3 * best(figures, 2):,.0f} ms")
    console.print(out)


def looks() -> None:
    """Print the time of a look at a head, a hundredth of whose rows no sample has moved."""
    out = table("HeadMonitor: finding rows that no sample has moved, threads: 1", "rows, width", "look", "found")
    for rows, width in ((5_000, 512), (50_000, 512)):
        torch.manual_seed(0)
        head, unmoved = nn.Linear(width, rows), rows // 100
        monitor = pen.torch.HeadMonitor(head)
        with torch.no_grad():
            head.weight.mul_(0.9).add_(0.1 * head.weight.std() * torch.randn(width))
            head.weight[unmoved:].add_(head.weight.std() * torch.randn(rows - unmoved, width))
        out.add_row(f"{rows:,}, {width}", f"{best(monitor.look, 2):.1f} s", f"{len(monitor.unmoved):,} of {unmoved:,}")
    console.print(out)


if __name__ == "__main__":
    torch.set_num_threads(1)
    batches()
    looks()
