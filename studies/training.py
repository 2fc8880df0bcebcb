"""Train small networks with squared error and weight decay on everything, and measure their last layers.

The loss is half the squared error to one-hot labels, summed over classes and averaged over samples, so that PyTorch's
``weight_decay`` is the λ of docs/theory §1, for every layer. A network is a body, whose output are the features h,
and L linear layers with nothing between them, the last with a bias.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import penultimate as pen
from penultimate.files import write_whole
from studies import data as sets
from studies import zoo_data
from studies.kept import SCRATCH
from studies.networks import Network

BATCH = 128
# Raise it with every change that changes what a recipe gives: runs that were kept are then made anew.
PROTOCOL = 1
WORKERS = 2

Watch = Callable[[int, "Network"], None]
Measure = Callable[["Recipe", "Network"], dict[str, Any]]
Criterion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Recipe:
    """One network and its training; the defaults are the multilayer perceptron 784-256-64-10 with one linear layer.

    Attributes
    ----------
    weight_decay : float
        λ, on every parameter.
    seed : int
        Of initial weights and order of samples.
    layers : int
        L, linear layers after the features.
    body : str
        What makes the features, one of `studies.networks.BODIES`: "mlp", fully connected layers; "cnn", two
        convolutions and one such layer, with batch-norm; …
    hidden : tuple of int
        Widths below the features of an "mlp", and inside the blocks of a "transformer", one for each.
    width : int
        d, of the features.
    batch_norm : bool
        Before every activation of an "mlp"; a "cnn" always has it.
    activation : {"relu", "leaky"}
        "leaky" lets features be negative.
    optimiser : {"sgd", "adam", "adamw"}
        SGD with momentum 0.9, Adam with the decay in its gradient, or AdamW, which shrinks weights beside it; the rate
        rises briefly, then falls as a cosine.
    epochs : int
        Passes over as many draws as there are samples.
    loss : str
        "mse", squared error as above, "ce", cross-entropy, or another name of `penultimate.losses`.
    data : str
        As for `studies.data.load`, or one of `studies.zoo_data.SETS`.
    ratio : float
        Largest count over smallest.
    sampling : {"plain", "balanced"}
        Every sample once an epoch, or classes drawn evenly with replacement.
    """

    weight_decay: float
    seed: int = 0
    layers: int = 1
    body: str = "mlp"
    hidden: tuple[int, ...] = (256,)
    width: int = 64
    batch_norm: bool = False
    activation: str = "relu"
    optimiser: str = "sgd"
    epochs: int = 50
    loss: str = "mse"
    data: str = "fashion"
    ratio: float = 100.0
    sampling: str = "plain"

    def load(self) -> sets.Data:
        """The data it is trained on."""
        known = zoo_data if self.data in zoo_data.SETS else sets
        return known.load(self.data, self.ratio)

    @property
    def key(self) -> str:
        """A name for the file of its results, from every setting."""
        text = json.dumps({**asdict(self), "protocol": PROTOCOL}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def train(recipe: Recipe, watch: Watch | None = None, network: Network | None = None) -> Network:
    """Train one network, a new one or one that has been trained before.

    `watch` is called with the number of steps done before every step, and at the end.
    """
    data = recipe.load()
    torch.manual_seed(recipe.seed)
    if network is None:
        network = Network(recipe, data.inputs, data.counts.classes)
    optimiser, peak = _optimiser(recipe, network)
    criterion = criterion_of(recipe.loss, data.counts)
    steps = recipe.epochs * -(-len(data.labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peak, steps, pct_start=0.05, cycle_momentum=False, final_div_factor=1e4
    )
    for step, chosen in enumerate(_batches(recipe, data)):
        if watch is not None:
            watch(step, network)
        loss = criterion(network(data.inputs[chosen]), data.labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    _settle(network, data.inputs)
    if watch is not None:
        watch(steps, network)
    return network


def _optimiser(recipe: Recipe, network: Network) -> tuple[torch.optim.Optimizer, float]:
    parameters, decay = network.parameters(), recipe.weight_decay
    if recipe.optimiser != "sgd":
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser]
        return kind(parameters, lr=1e-3, weight_decay=decay, fused=True), 1e-3
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=decay, fused=True), 0.05


def _batches(recipe: Recipe, data: sets.Data) -> Iterator[Tensor]:
    size = len(data.labels)
    draws = (1.0 / torch.bincount(data.labels))[data.labels]
    for _ in range(recipe.epochs):
        plain = recipe.sampling == "plain"
        order = torch.randperm(size) if plain else torch.multinomial(draws, size, replacement=True)
        yield from order.split(BATCH)


def criterion_of(loss: str, counts: pen.ClassCounts) -> Criterion:
    """The loss of that name, as a function of outputs and labels."""
    known: dict[str, Criterion] = {"mse": _squared_error, "ce": functional.cross_entropy}
    return known[loss] if loss in known else pen.torch.ClassLoss(loss, counts)


def _squared_error(outputs: Tensor, labels: Tensor) -> Tensor:
    return 0.5 * (outputs - functional.one_hot(labels, outputs.shape[1])).square().sum(1).mean()


@torch.no_grad()
def _settle(network: Network, inputs: Tensor) -> None:
    """Replace batch-norm's running averages, which lag behind, by averages over the data at the final weights."""
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    network.train()
    for block in inputs[torch.randperm(len(inputs))].split(500) if norms else ():
        network.body(block)


@torch.no_grad()
def features(network: Network, inputs: Tensor) -> np.ndarray:
    """Features of shape (N, d), as in use."""
    network.eval()
    made = torch.cat([network.body(block) for block in inputs.split(1000)]).numpy()
    network.train()
    return made


def run(recipe: Recipe, measured: Measure | None = None, kind: str = "") -> dict[str, Any]:
    """Train and measure one network, or read what an earlier call with the same recipe and code found.

    What is measured is what the studies need of an audit, or what another function finds; then its results are kept
    under a kind of their own.
    """
    path = _kept(recipe, kind)
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    torch.set_num_threads(1)
    # Decay drives unused weights below 1e-38, where arithmetic is twenty times slower.
    torch.set_flush_denormal(True)
    started = time.process_time()
    network = train(recipe)
    record = {
        "recipe": asdict(recipe),
        **(measured or measure)(recipe, network),
        "seconds": time.process_time() - started,  # of one core, whatever else the machine does
    }
    SCRATCH.mkdir(exist_ok=True)
    text = json.dumps(record)
    write_whole(path, text)
    return json.loads(text)


def _kept(recipe: Recipe, kind: str) -> Path:
    return SCRATCH / f"{kind}{recipe.key}.json"


def measure(recipe: Recipe, network: Network) -> dict[str, Any]:
    """What the studies need of an audit: the last layer along the directions of the label matrix, and recalls."""
    data = recipe.load()
    head = network.as_head()
    trained = features(network, data.inputs)
    counts = data.counts if recipe.sampling == "plain" else evened(data.counts)
    answers = head.predict(features(network, data.test_inputs))
    known = {
        "samples": counts.samples,
        "sigma": _plain(pen.LabelSpectrum(counts).sigma),
        "test_recall": _recall(answers, data.test_labels.numpy(), counts.classes),
    }
    by_slope = decay_by_slope(recipe, network, torch.from_numpy(trained), data)
    decay = by_slope if recipe.optimiser == "adamw" and by_slope > 0 else recipe.weight_decay
    known |= {"decay_by_slope": by_slope}
    try:
        audit = pen.audit(trained, data.labels.numpy(), head=head, counts=counts, weight_decay=decay, loss=recipe.loss)
    except pen.ProblemError:  # features or head are zero to the last bit: nothing is left to measure
        recall = _recall(head.predict(trained), data.labels.numpy(), counts.classes)
        return {"collapsed": True, "recall": recall, **known}
    alignment, layer = audit.last_layer.alignment, audit.last_layer
    numbers = {name: getattr(alignment, name) for name in ("strength", "cosine", "head_norm", "mean_norm")}
    numbers |= {name: getattr(alignment.budget, name) for name in ("lost", "decay", "noise", "mixing", "unsettled")}
    numbers |= {
        "lift": layer.measured.lift,
        "class_noise": layer.class_budget.noise,
        "retained": layer.forecast.retained,
    }
    shares = ("off_diagonal_share", "head_off_diagonal_share", "means_off_diagonal_share")
    return {
        "collapsed": False,
        **{name: _plain(values) for name, values in numbers.items()},
        **{name: getattr(alignment, name) for name in shares},
        "multiplicity": alignment.multiplicity.tolist(),
        "bias_error": layer.measured.bias_error,
        "calibration": layer.calibration.to_dict(),
        "balance": list(layer.balance),
        "recall": _plain(audit.decisions.recall),
        "nc1": audit.metrics.nc1,
        **known,
    }


def decay_by_slope(recipe: Recipe, network: Network, trained: Tensor, data: sets.Data) -> float:
    """The weight decay that the last layer is in balance with: −⟨W, gradient⟩/‖W‖² over all samples.

    Where training has settled it is λ. AdamW shrinks weights beside its gradient, ``W ← W − η (m/√v + w W)``, so it
    settles where every gradient is −w √v W: its w acts like a λ of w times the root mean square of the gradients of
    single batches, which is a number of its own for every weight. This is their mean, weighted by W².
    """
    last = network.head[-1].weight
    below = network.head[:-1](trained).detach()
    loss = criterion_of(recipe.loss, data.counts)(network.head[-1](below), data.labels)
    (slope,) = torch.autograd.grad(loss, last)
    return -float((slope * last).sum().detach() / last.square().sum().detach())


def evened(counts: pen.ClassCounts) -> pen.ClassCounts:
    """Counts of as many samples drawn evenly from all classes."""
    return pen.ClassCounts(np.full(counts.classes, counts.samples / counts.classes))


def _recall(answers: np.ndarray, labels: np.ndarray, classes: int) -> list[float]:
    return [float(np.mean(answers[labels == k] == k)) for k in range(classes)]


def _plain(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def run_all(recipes: Sequence[Recipe], measured: Measure | None = None, kind: str = "") -> list[dict[str, Any]]:
    """Run recipes side by side, one thread each, saying how far it has come; results in their order.

    A process that the system ends breaks the pool. Finished runs are kept, so the pool is made again, twice at most.
    """
    for last in (False, False, True):
        try:
            _run_missing(recipes, measured, kind)
            break
        except BrokenProcessPool:
            print("\na process was ended from outside; its run is made again", file=sys.stderr)
            if last:
                raise
    return [run(recipe, measured, kind) for recipe in recipes]


def _run_missing(recipes: Sequence[Recipe], measured: Measure | None, kind: str) -> None:
    waiting = [recipe for recipe in recipes if not _kept(recipe, kind).exists()]
    if not waiting:
        return
    started = time.perf_counter()
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        runs = [pool.submit(run, recipe, measured, kind) for recipe in waiting]
        for done, finished in enumerate(as_completed(runs), start=1):
            finished.result()  # a run that failed ends the study
            print(f"\r{done} of {len(waiting)} runs, {time.perf_counter() - started:.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
