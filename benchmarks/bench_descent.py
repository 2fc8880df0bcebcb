"""Descent of the model on class means against the same descent in PyTorch with one feature a sample, per iteration."""

import os
import sys
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

import penultimate as pen
from measure import best, console, table

sys.path.insert(0, str(Path(__file__).parent.parent))
from studies.descent import GradientDescent, Model, balanced_problem

CLASSES, STEPS, RATE, MOMENTUM = 100, 3, 0.5, 0.9
SIZES = (5_000, 50_000)


class PerSample:
    """W, b and one feature for each sample, all of them parameters of PyTorch's SGD."""

    def __init__(self, counts: pen.ClassCounts, problem: pen.Problem, weight: np.ndarray, means: np.ndarray) -> None:
        labels = torch.from_numpy(np.repeat(np.arange(counts.classes), counts.values.astype(int)))
        self.targets = torch.nn.functional.one_hot(labels).double()
        self.weight = torch.tensor(weight, requires_grad=True)
        self.features = torch.tensor(means[labels.numpy()], requires_grad=True)
        self.bias = torch.zeros(counts.classes, dtype=torch.float64, requires_grad=True)
        decay, of_features = problem.weight_decay[0], problem.resolved_feature_decay(counts.samples)
        groups = [
            {"params": [self.weight], "weight_decay": decay},
            {"params": [self.features], "weight_decay": of_features},
            {"params": [self.bias]},
        ]
        self.optimiser = torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM)

    def run(self, steps: int) -> None:
        """Some steps."""
        for _ in range(steps):
            outputs = self.features @ self.weight.T + self.bias
            loss = 0.5 * (outputs - self.targets).square().sum() / len(self.targets)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()


def main() -> None:
    """Print times and ratios, after both have been found on the same path."""
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    out = table(
        "One iteration of descent, K = d = 100, float64", "N", "class means", "PyTorch, samples", "ratio", "bound"
    )
    for samples in SIZES:
        counts = pen.ClassCounts.long_tailed(CLASSES, samples / 21.3, 100)  # about so many in all
        problem = balanced_problem(counts, 0.3 * np.sqrt(counts.largest), 1, "free")
        model = Model.of_means(counts, problem)
        start = model.start(0.1, 1, 0)
        samples_too = PerSample(counts, problem, start.weights[0][0], start.features[0])
        method = GradientDescent(RATE, MOMENTUM)

        def steps(number: int, model=model, start=start, method=method) -> None:
            for _ in range(number):
                method.step(start, model.gradient(start))

        steps(STEPS)
        samples_too.run(STEPS)
        apart = np.abs(samples_too.weight.detach().numpy() - start.weights[0][0]).max()
        if apart > 1e-12:
            raise SystemExit(f"after {STEPS} steps the two descents are {apart:.1e} apart")
        with threadpool_limits(1):  # matrices of 100 × 100 gain nothing from a second thread
            ours = best(lambda: steps(50)) / 50
        theirs = best(lambda samples_too=samples_too: samples_too.run(STEPS)) / STEPS
        bound = "50 ×" if samples == SIZES[-1] else ""
        out.add_row(
            f"{int(counts.samples):,}",
            f"{ours * 1e3:.2f} ms",
            f"{theirs * 1e3:.1f} ms",
            f"{theirs / ours:,.0f} ×",
            bound,
        )
    console.print(out)


if __name__ == "__main__":
    main()
