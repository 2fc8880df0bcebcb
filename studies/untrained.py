"""What was never trained? Networks with classes that they have never seen, which a scan of the last layer has to name.

500 classes, counts like 1/rank, 64 features. Fifty classes, chosen at random, have no sample. Networks are linear, have
a hidden layer, or embed tokens with weights that the last layer shares; optimiser, learning rate, weight decay, bias
and initial scale vary. A scan sees the weights alone. Three rules in use stand beside it, two of which are told what
the scan has to find: rows no longer than 1e-16; the fifty shortest rows; and the fifty rows nearest, by cosine, to the
mean of ten that are known to be untrained. Controls have no class without samples. Others have fifty with a handful of
samples. A monitor that was made before the first step names the rows that no sample has moved since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import altair as alt
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import penultimate as pen
from studies import charts
from studies.results import NEVER, Claim, Study, main, markdown, shown

CLASSES, WIDTH, HIDDEN, BATCH, UNSEEN = 500, 64, 128, 128, 50
# Noise of inputs around the prototypes of their classes, whose coordinates have a standard deviation of 1.
NOISE = 0.7
# Of one sample, for classes that are barely seen.
RARE = 1e-5
KNOWN = 10
QUICK = 200
RULES = ("scan", "cosine to ten known", "shortest", "length ≤ 1e-16")


@dataclass(frozen=True)
class Net:
    """One network, its training, and how many of its classes have no sample."""

    body: str
    optimiser: str
    rate: float
    decay: float
    bias: bool = True
    deviation: float | None = None  # of initial weights; None is the library's own
    steps: int = 4000
    unseen: int = UNSEEN
    barely: int = 0

    def __str__(self) -> str:
        scale = "" if self.deviation is None else f", σ₀ = {self.deviation:.3g}"
        bias = "" if self.bias or self.body == "tied" else ", no bias"
        return f"{self.body}, {self.optimiser}, λ = {self.decay:g}{bias}{scale}"


NETS = (
    Net("linear", "SGD", 0.5, 5e-4),
    Net("linear", "SGD", 0.5, 5e-4, bias=False),
    Net("linear", "SGD", 0.5, 0.0),
    Net("linear", "AdamW", 2e-3, 0.01),
    Net("linear", "AdamW", 2e-3, 0.0, bias=False, deviation=0.02),
    Net("hidden layer", "SGD", 0.1, 5e-4),
    Net("hidden layer", "SGD", 0.1, 1e-5),
    Net("hidden layer", "AdamW", 2e-3, 0.3),
    Net("hidden layer", "AdamW", 2e-3, 0.01),
    Net("hidden layer", "AdamW", 2e-3, 0.0),
    Net("tied", "AdamW", 2e-3, 0.1, deviation=0.02),
    Net("tied", "AdamW", 2e-3, 0.0, deviation=0.02),
    Net("tied", "AdamW", 2e-3, 0.1, deviation=WIDTH**-0.5),
    Net("tied", "SGD", 0.3, 1e-4, deviation=0.02),
)
# Stopped early: initial noise still hides what was not trained, and a scan has to say so.
YOUNG = replace(NETS[8], steps=400)
CONTROLS = tuple(replace(NETS[index], steps=2500, unseen=0) for index in (0, 5, 7, 8))
BARELY = tuple(replace(net, unseen=UNSEEN, barely=UNSEEN) for net in CONTROLS)


class Trained:
    """A network, the rows of its last layer, and how many samples each class had.

    Parameters
    ----------
    net : Net
    seed : int
    """

    def __init__(self, net: Net, seed: int) -> None:
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        share = _shares(net, rng)
        tied = net.body == "tied"
        head = nn.Embedding(CLASSES, WIDTH) if tied else nn.Linear(WIDTH, CLASSES, bias=net.bias)
        if net.deviation is not None:
            nn.init.normal_(head.weight, std=net.deviation)
        body = _body(net.body)
        self.body, self.head, self.monitor = body, head, pen.torch.HeadMonitor(head)
        parameters = [*body.parameters(), *head.parameters()]
        optimiser = (
            torch.optim.SGD(parameters, net.rate, momentum=0.9, weight_decay=net.decay)
            if net.optimiser == "SGD"
            else torch.optim.AdamW(parameters, net.rate, weight_decay=net.decay)
        )
        slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, net.steps)
        draw = Text(share, rng) if tied else Clusters(share, rng)
        self.draw = draw
        self.counts = np.zeros(CLASSES, dtype=int)
        for _ in range(net.steps):
            given, labels = draw()
            self.counts += np.bincount(labels, minlength=CLASSES)
            features = body(head(given) if tied else given)
            scores = features @ head.weight.T if tied else head(features)
            loss = nn.functional.cross_entropy(scores, torch.as_tensor(labels))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            slower.step()
        self.rows: NDArray[np.float32] = head.weight.detach().numpy().copy()


def _shares(net: Net, rng: np.random.Generator) -> NDArray[np.float64]:
    """Of every class among samples: like 1/rank, in random order; none for the unseen, next to none for the rare."""
    order = rng.permutation(CLASSES)
    seen = CLASSES - net.unseen - net.barely
    share = np.zeros(CLASSES)
    share[order[:seen]] = 1.0 / np.arange(1, seen + 1)
    share *= (1.0 - RARE * net.barely) / share.sum()
    share[order[seen : seen + net.barely]] = RARE
    return share / share.sum()


def _body(kind: str) -> nn.Module:
    if kind == "linear":
        return nn.Identity()
    if kind == "tied":
        return nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH), nn.LayerNorm(WIDTH))
    return nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WIDTH), nn.ReLU())


class Clusters:
    """Samples around one prototype a class."""

    def __init__(self, share: NDArray[np.float64], rng: np.random.Generator) -> None:
        self.share, self._rng = share, rng
        self._prototypes = torch.as_tensor(rng.normal(size=(CLASSES, WIDTH)), dtype=torch.float32)

    def __call__(self) -> tuple[Tensor, NDArray[np.int64]]:
        """A batch, and its classes."""
        labels = self._rng.choice(CLASSES, BATCH, p=self.share)
        return self.of(labels), labels

    def of(self, labels: NDArray[np.int64]) -> Tensor:
        """Samples of these classes."""
        noise = torch.as_tensor(self._rng.normal(size=(labels.size, WIDTH)), dtype=torch.float32)
        return self._prototypes[torch.as_tensor(labels)] + NOISE * noise


class Text:
    """Tokens that are followed by one of four favourites, or by any token in three cases of ten."""

    def __init__(self, share: NDArray[np.float64], rng: np.random.Generator) -> None:
        self._share, self._rng = share, rng
        self._next = rng.choice(CLASSES, (CLASSES, 4), p=share)

    def __call__(self) -> tuple[Tensor, NDArray[np.int64]]:
        """A batch of tokens, and those that follow."""
        before, anything = self._rng.choice(CLASSES, (2, BATCH), p=self._share)
        favourite = self._next[before, self._rng.integers(0, 4, BATCH)]
        return torch.as_tensor(before), np.where(self._rng.random(BATCH) < 0.7, favourite, anything)


@dataclass(frozen=True)
class Judged:
    """What a scan, the rules beside it and a monitor from the start say of one network."""

    net: Net
    seed: int
    unseen: int
    flagged: int
    right: int
    named: int
    named_right: int
    by_rule: Mapping[str, float]
    seeds: Sequence[int]
    kinds: Sequence[str]
    counts: Sequence[int]

    @property
    def precision(self) -> float:
        """Of rows that are flagged, the share without samples; 1 where none is."""
        return self.right / self.flagged if self.flagged else 1.0

    @property
    def recall(self) -> float:
        """Of classes without samples, the share that is flagged."""
        return self.right / self.unseen if self.unseen else float("nan")


def judge(net: Net, seed: int) -> Judged:
    """Train a network, and look for its unseen classes in every way."""
    trained = Trained(net, seed)
    rows, unseen = trained.rows, trained.counts == 0
    scans = [pen.scan(rows, seed=again) for again in range(3)]
    flagged, named = scans[0].untrained, trained.monitor.look().rows
    return Judged(
        net,
        seed,
        int(unseen.sum()),
        flagged.size,
        int(unseen[flagged].sum()),
        named.size,
        int(unseen[named].sum()),
        _rules(rows, unseen) if unseen.any() else {},
        [scan.untrained.size for scan in scans],
        [group.kind.value for group in scans[0].groups],
        np.sort(trained.counts[flagged]).tolist(),
    )


def _rules(rows: NDArray[np.float32], unseen: NDArray[np.bool_]) -> dict[str, float]:
    """Recall of rules that are told how many rows to name, and of the one that is told how long they are."""
    lengths = np.linalg.norm(rows, axis=1)
    known = rows[unseen][:KNOWN].mean(axis=0)
    cosine = rows @ known / np.maximum(lengths * np.linalg.norm(known), 1e-30)
    size = int(unseen.sum())
    named = {
        RULES[1]: np.argsort(-cosine)[:size],
        RULES[2]: np.argsort(lengths)[:size],
        RULES[3]: np.flatnonzero(lengths <= 1e-16),
    }
    return {rule: float(unseen[some].sum() / size) for rule, some in named.items()}


def study(quick: bool = False, seed: int = 0) -> Study:
    """Train everything and judge the claims."""
    seeds = range(seed, seed + (1 if quick else 2))
    planted, young, controls, barely = (
        [
            judge(replace(net, steps=QUICK) if quick else net, one)
            for net in (nets[:1] if quick else nets)
            for one in seeds
        ]
        for nets in (NETS, (YOUNG,), CONTROLS, BARELY)
    )
    claims = [claim for net in dict.fromkeys(one.net for one in planted) for claim in _claims(net, planted)]
    wrong = sum(one.flagged for one in [*young, *controls])
    claims.append(Claim("nothing is flagged after 400 steps, nor where all were seen", "0", f"{wrong}", wrong, *NEVER))
    missed = sum(one.unseen - one.right for one in barely)
    claims.append(Claim("barely seen classes hide no unseen one", "0 missed", f"{missed} missed", missed, *NEVER))
    claims += _watched([*planted, *young, *controls])
    facts = {"planted": planted, "young": young, "controls": controls, "barely": barely}
    return Study(
        claims,
        {"recall": _chart(planted)},
        {name: [{**vars(one), "net": str(one.net)} for one in some] for name, some in facts.items()},
        {"planted": _table([*planted, *young]), "barely": _barely(barely)},
    )


def _claims(net: Net, planted: Sequence[Judged]) -> list[Claim]:
    some = [one for one in planted if one.net == net]
    flagged, right = sum(one.flagged for one in some), sum(one.right for one in some)
    unseen = sum(one.unseen for one in some)
    spread = max(np.ptp(one.seeds) / max(one.flagged, 1) for one in some)
    return [
        Claim(f"{net}: no seen class is flagged", "0", f"{flagged - right}", flagged - right, *NEVER),
        Claim(
            f"{net}: unseen classes are found",
            f"{unseen}",
            f"{right}",
            1.0 - right / unseen,
            0.04,
            "convention: 96 in a hundred",
        ),
        Claim(f"{net}: seeds of the scan agree", "0", f"{spread:.1%}", float(spread), 0.02, "convention: 2 %"),
    ]


def _watched(some: Sequence[Judged]) -> list[Claim]:
    unseen, right = sum(one.unseen for one in some), sum(one.named_right for one in some)
    wrong = sum(one.named for one in some) - right
    return [
        Claim("a monitor from the start names no class that was met", "0", f"{wrong}", wrong, *NEVER),
        Claim(
            "a monitor from the start names unseen classes, after 400 steps too",
            f"{unseen}",
            f"{right}",
            1.0 - right / unseen,
            0.04,
            "convention: 96 in a hundred",
        ),
    ]


def _table(some: Sequence[Judged]) -> str:
    rows: list[tuple[str, ...]] = []
    for net in dict.fromkeys(one.net for one in some):
        same = [one for one in some if one.net == net]
        recalls = [np.mean([one.by_rule[rule] for one in same]) for rule in RULES[1:]]
        early = "" if net.steps == Net.steps else f", {net.steps} steps"
        precision = "–" if not any(one.flagged for one in same) else f"{np.mean([one.precision for one in same]):.2f}"
        kinds = ", ".join(dict.fromkeys(kind for one in same for kind in one.kinds)) or "cannot tell"
        recall = f"{np.mean([one.recall for one in same]):.2f}"
        watched = f"{np.mean([one.named_right / one.unseen for one in same]):.2f}"
        others = (shown(float(value), ".2f") for value in recalls)
        rows.append((f"{net}{early}", kinds, precision, recall, *others, watched))
    return markdown(
        ("network", "what the scan says", "precision", "recall", *RULES[1:], "watched from the start"), rows
    )


def _barely(some: Sequence[Judged]) -> str:
    rows = []
    for net in dict.fromkeys(one.net for one in some):
        same = [one for one in some if one.net == net]
        flagged, right = sum(one.flagged for one in same), sum(one.right for one in same)
        most = max((max(one.counts, default=0) for one in same), default=0)
        unseen = sum(one.unseen for one in same)
        rows.append((str(net), f"{unseen}", f"{right}", f"{flagged - right}", f"{most}"))
    return markdown(("network", "unseen", "of these flagged", "seen and flagged", "most samples of these"), rows)


def _chart(planted: Sequence[Judged]) -> alt.LayerChart:
    rows: list[charts.Row] = [
        {"network": str(one.net), "rule": rule, "recall": one.recall if rule == RULES[0] else one.by_rule[rule]}
        for one in planted
        for rule in reversed(RULES)
    ]
    dots = alt.Chart(charts.inline(rows)).mark_point(filled=True, size=55, opacity=0.75)
    names = [str(net) for net in dict.fromkeys(one.net for one in planted)]
    encoded = dots.encode(
        x=alt.X(**charts.axis("recall", "recall, of 50 classes without a sample", domain=(-0.03, 1.03))),
        y=alt.Y("network:N", title=None, sort=names, axis=alt.Axis(labelLimit=320)),
        color=charts.colour("rule", "", RULES),
    )
    notes = ["The other rules are told how many rows to name; the scan is told nothing"]
    return charts.chart("Which rule finds the classes that were never seen?", notes, encoded, height=24 * len(names))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main("untrained", study)
