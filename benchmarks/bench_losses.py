"""Forward and backward of the losses beside ``torch.nn.CrossEntropyLoss``, in turn, on one thread."""

import ctypes
from collections.abc import Callable

import torch
from torch import nn

import penultimate as pen
from measure import alternately, console, table

LOSSES = ("ce", "weighted:inverse", "smooth:0.1", "la:1", "cdt:0.3", "vs:0.3:1", "ldam:0.5", "mse")


def pass_of(criterion: nn.Module, logits: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    """One pass forward and backward; logits are those of a layer, so the gradient arrives in them afresh."""

    def run() -> None:
        torch.autograd.grad(criterion(logits, labels), logits)

    return run


def losses(rounds: int = 40) -> None:
    """Print times, and their ratios to PyTorch's loss with the same weights and smoothing."""
    out = table("ClassLoss, forward and backward, threads: 1", "logits", "loss", "PyTorch's", "ours", "ratio")
    for samples, classes in ((256, 1_000), (64, 50_000)):
        counts = pen.ClassCounts.long_tailed(classes, largest=5_000, ratio=100)
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(samples, classes, generator=generator, requires_grad=True)
        labels = torch.randint(classes, (samples,), generator=generator)
        for name in LOSSES:
            ours = pen.torch.ClassLoss(name, counts)
            theirs = nn.CrossEntropyLoss(ours.weights, label_smoothing=ours.smoothing)
            passes = (pass_of(theirs, logits, labels), pass_of(ours, logits, labels))
            plain, adjusted = alternately(*passes, rounds=rounds)
            times = (f"{1e3 * plain:.2f} ms", f"{1e3 * adjusted:.2f} ms", f"{adjusted / plain:.2f}")
            out.add_row(f"{samples:,} × {classes:,}", name, *times)
    console.print(out)


def keep_memory() -> None:
    """Ask glibc to keep what is freed: fresh pages for each pass would cost several times the loss, and at random."""
    trim_threshold, mmap_threshold, most = -1, -3, 1 << 25
    allocator = ctypes.CDLL(None)
    allocator.mallopt(mmap_threshold, most)
    allocator.mallopt(trim_threshold, 1 << 30)


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_memory()
    losses()
