"""What do fixes for untrained rows gain? Networks that are then trained on classes that they had not seen.

The networks are those of `studies.untrained`: 500 classes, of which fifty have no sample. First nothing is trained on:
are untrained classes ever answered, and does masking or dropping them change any other answer? Then the fifty come with
twenty samples each, among as many draws of the others, and training goes on from each fix: rows left as they are, rows
that start at the mean of the trained ones, and rows that were dropped and are drawn anew by the library. The same
samples, in the same order, for all.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import penultimate as pen
from studies.results import NEVER, Claim, Study, main, markdown
from studies.untrained import CLASSES, NETS, Clusters, Net, Trained

SHOTS, TESTED = 20, 20
STEPS = (10, 30, 100, 300)
RATE = 1e-3
# With and without a hidden layer, both optimisers, and so much decay that unseen rows are one vector or hardly any.
TUNED = tuple(NETS[index] for index in (0, 5, 7, 8))
STARTS = ("leave", "mean", "drop, then drawn anew")


@dataclass(frozen=True)
class Outcome:
    """One network: what was answered before more training, and how many answers are right after it."""

    net: Net
    seed: int
    untrained: int
    found: int
    answered: float
    changed: int
    new: dict[str, list[float]]
    old: dict[str, list[float]]


def outcome(net: Net, seed: int, steps: Sequence[int]) -> Outcome:
    """Train a network, mend its head in every way, and train on from each."""
    trained = Trained(net, seed)
    bias = None if trained.head.bias is None else trained.head.bias.detach().numpy()
    scan = pen.scan(trained.rows, bias=bias)
    draw, unseen = trained.draw, np.flatnonzero(trained.counts == 0)
    if not isinstance(draw, Clusters):
        raise TypeError("tied networks have no samples of their own")
    seen = np.random.default_rng(seed).choice(CLASSES, 2000, p=draw.share)
    with torch.no_grad():
        features = trained.body(draw.of(seen)).numpy()
    answers = {how: scan.fix(how).logits(features).argmax(axis=1) for how in ("leave", "mask")}
    kept = np.setdiff1d(np.arange(CLASSES), scan.untrained)
    answers["drop"] = kept[scan.fix("drop").logits(features).argmax(axis=1)]
    others = ~np.isin(answers["leave"], scan.untrained)
    changed = sum(int(np.sum(answers[how][others] != answers["leave"][others])) for how in ("mask", "drop"))
    more = np.concatenate([np.repeat(unseen, SHOTS), np.random.default_rng(seed + 1).choice(seen, unseen.size * SHOTS)])
    lesson = draw.of(more)
    tests = (draw.of(np.repeat(unseen, TESTED)), np.repeat(unseen, TESTED), draw.of(seen), seen)
    new: dict[str, list[float]] = {}
    old: dict[str, list[float]] = {}
    for start in STARTS:
        new[start], old[start] = _tuned(trained, scan, start, lesson, more, tests, steps, seed)
    return Outcome(net, seed, unseen.size, scan.untrained.size, float(1 - others.mean()), changed, new, old)


def _tuned(
    trained: Trained,
    scan: pen.Scan,
    start: str,
    lesson: torch.Tensor,
    labels: NDArray[np.int64],
    tests: tuple[torch.Tensor, NDArray[np.int64], torch.Tensor, NDArray[np.int64]],
    steps: Sequence[int],
    seed: int,
) -> tuple[list[float], list[float]]:
    """Shares of right answers, for new classes and old, after so many steps from one start."""
    body, head = copy.deepcopy(trained.body), copy.deepcopy(trained.head)
    torch.manual_seed(seed)
    fresh = nn.Linear(head.weight.shape[1], CLASSES, bias=head.bias is not None)
    with torch.no_grad():
        rows = torch.as_tensor(scan.untrained)
        begun = scan.fix("mean") if start == "mean" else None
        if start == STARTS[2]:
            head.weight[rows] = fresh.weight[rows]
        if begun is not None:
            head.weight.copy_(torch.as_tensor(begun.weights[0]))
        if head.bias is not None and start != "leave":
            source = fresh.bias if begun is None else torch.as_tensor(begun.bias, dtype=torch.float32)
            head.bias[rows] = source[rows]
    parameters = [*body.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(parameters, RATE)
    rng, right = np.random.default_rng(seed), ([], [])
    for step in range(1, max(steps) + 1):
        batch = rng.integers(0, labels.size, 64)
        loss = nn.functional.cross_entropy(head(body(lesson[batch])), torch.as_tensor(labels[batch]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step in steps:
            with torch.no_grad():
                for shares, given, wanted in zip(right, tests[::2], tests[1::2], strict=True):
                    shares.append(float(np.mean(head(body(given)).argmax(dim=1).numpy() == wanted)))
    return right


def study(quick: bool = False, seed: int = 0) -> Study:
    """Train everything and judge the claims."""
    nets = [replace(TUNED[0], steps=200)] if quick else TUNED
    found = [outcome(net, one, STEPS) for net in nets for one in range(seed, seed + (1 if quick else 2))]
    changed, answered = sum(one.changed for one in found), max(one.answered for one in found)
    claims = [
        Claim("masking and dropping change no answer among trained classes", "0", f"{changed}", changed, *NEVER),
        Claim("untrained classes, left as they are, are never answered", "0", f"{answered:.2%}", answered, *NEVER),
        *(_better(found, at, start) for at in range(len(STEPS)) for start in STARTS[1:]),
    ]
    facts = {"outcomes": [{**vars(one), "net": str(one.net)} for one in found]}
    return Study(claims, {}, facts, {"tuning": _table(found)})


def _better(found: Sequence[Outcome], at: int, start: str) -> Claim:
    """Whether a start gains over rows that are left, by the spread between networks."""
    gains = np.array([one.new[start][at] - one.new["leave"][at] for one in found])
    error = float(gains.std(ddof=1) / np.sqrt(gains.size)) if gains.size > 1 else 0.0
    return Claim(
        f"after {STEPS[at]} steps, {start}: more new classes right than with rows that are left",
        "a gain",
        f"{gains.mean():+.1%} ± {error:.1%}",
        float(2 * error - gains.mean()),
        0.0,
        "two standard errors over networks",
    )


def _table(found: Sequence[Outcome]) -> str:
    rows = []
    for net in dict.fromkeys(one.net for one in found):
        some = [one for one in found if one.net == net]
        for start in STARTS:
            means = (
                [np.mean([getattr(one, which)[start][at] for one in some]) for which in ("new", "old")]
                for at in range(len(STEPS))
            )
            shares = [f"{new:.0%}, {old:.0%}" for new, old in means]
            rows.append((str(net), start, *shares))
    return markdown(("network", "start", *(f"new, old right after {steps}" for steps in STEPS)), rows)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main("fixes", study)
