"""Does the law hold on networks that it was not made on? Old law, new law, and how far two seeds agree.

The package reads a law off one audited run, or two, and forecasts all other weight decays of the same network by it
(docs/theory §15). Its constants were chosen on the sweeps of `studies.sweep` and `studies.text`, on the networks of
`studies.zoo` and on `studies.newcomers.recipes`, those with squared error. `studies.newcomers.later` and
`studies.newcomers.blocks` took no part. All of three seeds are swept at nine weight decays, so that where a direction
dies is known to a factor of 1.78. The old law is that of one layer, with λ_H fixed (`studies.law.by_strengths`). No law
can do better than another seed of the same network does: that is the ceiling. With cross-entropy those of
`studies.newcomers.entropy` are unseen, and all others were looked at.

Each run of a sweep starts from scratch. A law of trained states says where a state ends, not whether training reaches
it. So the newcomers are also trained over rising weight decays, each from where the last one ended.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby

import numpy as np

from studies import newcomers, sweep, text, zoo
from studies.law import AuditedLaw, Score, alive, by_audits, pull_factors, score, strengths
from studies.results import Claim, Study, main, markdown, shown
from studies.series import Group, Sweep, grouped
from studies.training import Recipe, run_all

# What is asked of the new law on unseen networks, of all and of each group: directions right, with one run and with
# two; the median error of strengths over σ; deaths within a factor; and what the intervals are held to.
RIGHT, RIGHT_EACH, RIGHT_TWO, RIGHT_TWO_EACH, ERROR, FACTOR = 0.93, 0.88, 0.95, 0.91, 0.03, 1.5
COVERED = (0.85, 0.95)
# How tables call bodies whose names are words.
_BODIES = {
    "probe": "probe",
    "transformer": "transformer",
    "resnet": "ResNet",
    "plain-cnn": "plain CNN",
    "image-block": "last block",
    "text-block": "last block",
}


@dataclass(frozen=True)
class Named:
    """All seeds of one network, and whether it is unseen: whether the law's constants were chosen without it."""

    name: str
    unseen: bool
    group: Group

    @property
    def label(self) -> str:
        """How tables call it."""
        return f"**{self.name}** (unseen)" if self.unseen else self.name

    @property
    def loss(self) -> str:
        """What it was trained with."""
        return str(self.group.sweeps[0].records[0]["recipe"]["loss"])

    def singles(self) -> "Trials":
        """Every run that a law can be read off, with the others of its seed."""
        yield from self._trials(1)

    def pairs(self) -> "Trials":
        """Every two runs, with the others."""
        yield from self._trials(2)

    def _trials(self, number: int) -> "Trials":
        for one in self.group.sweeps:
            for some in combinations(one.records, number):
                law = by_audits(*some)
                if law is not None:
                    yield law, one, [record for record in one.records if not any(record is known for known in some)]


# A law, the sweep it was read off, and the runs of it that it is to forecast.
Trials = Iterator[tuple[AuditedLaw, Sweep, list]]


def score_of(trials: Trials) -> Score:
    """One law forecasts the others."""
    return score((law, record) for law, _, others in trials for record in others)


def covered(named: Sequence[Named]) -> float:
    """Share of strengths within their 90 % intervals, one run forecasting all others."""
    held = []
    for law, one, others in (trial for name in named for trial in name.singles()):
        for record in others:
            low, high = law.interval(record["recipe"]["weight_decay"], one.sigma)
            t = strengths(record)
            held.append((t >= low - 1e-3 * one.sigma) & (t <= high + 1e-3 * one.sigma))
    return _share(held)


def near_deaths(named: Sequence[Named], trials: Callable[[Named], Trials], *, possibly: bool = False) -> float:
    """Share of deaths within a factor of the forecast, of directions seen to die between two runs.

    Or, possibly, of those that may have been: as if each had died where it suits the forecast best, between its runs.
    """
    close = []
    for law, one, _ in (trial for name in named for trial in trials(name)):
        seen = one.deaths_between
        close.append((seen.outside if possibly else seen.apart)(law.death(one.sigma)) <= np.log(FACTOR))
    return _share(close)


def covered_deaths(named: Sequence[Named]) -> float:
    """Share of deaths within the 90 % intervals of critical weight decays, one run forecasting."""
    runs = [trial for name in named for trial in name.singles()]
    return _share([one.deaths_between.held(*law.death_interval(one.sigma)) for law, one, _ in runs])


def seeds_agree(named: Sequence[Named]) -> float:
    """Share of deaths within a factor of another seed's, of directions that die in both."""
    pairs = [pair for name in named for pair in combinations(name.group.sweeps, 2)]
    apart = [np.abs(np.log(one.deaths_between.between / other.deaths_between.between)) for one, other in pairs]
    return _share([some[np.isfinite(some)] <= np.log(FACTOR) for some in apart])


def all_at_once(name: Named) -> float:
    """Share of deaths, of all directions that die between two runs, after which none is left alive."""
    ends = []
    for one in name.group.sweeps:
        living = np.array([alive(record) for record in one.records])
        dies = living[:-1] & ~living[1:]
        ends.append(np.repeat(~living[1:].any(axis=1), dies.sum(axis=1)))
    return _share(ends)


def _share(held: Sequence[np.ndarray]) -> float:
    every = np.concatenate(held) if held else np.empty(0)
    return float(every.mean()) if every.size else float("nan")


def groups(quick: bool, seed: int) -> list[Named]:
    """Trained networks, the seen ones first."""
    wanted = sweep.recipes(quick, seed) + ([] if quick else text.recipes(False, seed))
    seen = [some for some in wanted if quick or _was_at_hand(some[0], seed)]
    named = [Named(group.name, False, group) for group in grouped(_trained(seen))]
    if quick:
        return named
    unseen = [*newcomers.later(), *newcomers.blocks(), *newcomers.entropy()]
    later = {_network(recipe) for recipe in unseen}
    for network, some in groupby([*zoo.recipes(), *newcomers.recipes(), *unseen], key=_network):
        recipes = list(some)
        first, seeds = recipes[0], len({recipe.seed for recipe in recipes})
        if seeds < zoo.SEEDS and first.loss == "mse":
            continue
        if first.loss == "mse":
            recipes = zoo.sweep(first, seeds, newcomers.FINE)
        each = [list(runs) for _, runs in groupby(recipes, key=lambda recipe: recipe.seed)]
        named.append(Named(_name(first), network in later, Group([Sweep(runs) for runs in _trained(each)])))
    return named


def rising() -> list[Named]:
    """Networks over rising weight decays, each seed one network that is trained on."""
    firsts, later = list(newcomers.raised()), {_network(recipe) for recipe in newcomers.later()}
    made = run_all(firsts, newcomers.rising, "rising-")
    groups = groupby(zip(firsts, made, strict=True), key=lambda pair: _network(pair[0]))
    return [
        Named(_name(network), network in later, Group([Sweep(kept["records"]) for _, kept in some]))
        for network, some in groups
    ]


def _name(recipe: Recipe) -> str:
    rest = [zoo.WORDS[part] for part in (recipe.optimiser, recipe.loss) if part not in ("sgd", "mse")]
    body = _BODIES.get(recipe.body, recipe.body.upper())
    return ", ".join([f"{body} on {recipe.data.removesuffix(' before its last block')}", *rest])


def _network(recipe: Recipe) -> Recipe:
    """What runs of one network have in common."""
    return replace(recipe, weight_decay=1.0, seed=0)


def _was_at_hand(recipe: Recipe, seed: int) -> bool:
    """Whether the constants were chosen with this network: two seeds of each, without those of several layers."""
    return recipe.seed < seed + 2 and recipe.layers <= (2 if recipe.data == "digits" else 1)


def _trained(wanted: Sequence[Sequence[Recipe]]) -> list[list[dict]]:
    flat = iter(run_all([recipe for some in wanted for recipe in some]))
    return [[next(flat) for _ in some] for some in wanted]


def study(quick: bool = False, seed: int = 0) -> Study:
    """Judge old law and new on every group."""
    everything = groups(quick, seed)
    named = [one for one in everything if one.loss == "mse"]
    unseen = [one for one in named if one.unseen] or named
    one, two = (score_of(trial for name in unseen for trial in kind(name)) for kind in (Named.singles, Named.pairs))
    each, each_two = ([score_of(kind(name)) for name in unseen] for kind in (Named.singles, Named.pairs))
    each, each_two = ([some for some in scores if some.cases] for scores in (each, each_two))
    where = f"{len(each)} unseen networks" if not quick else "digits"
    held, held_deaths = covered(unseen), covered_deaths(unseen)
    claims = [
        _asked(f"one run forecasts which directions live, {where}", one.right, RIGHT),
        _asked(f"the same, each group of {where}", min(s.right for s in each), RIGHT_EACH),
        _asked(f"two runs forecast which directions live, {where}", two.right, RIGHT_TWO),
        _asked(f"the same, each group of {where}", min(s.right for s in each_two), RIGHT_TWO_EACH),
        Claim(
            f"strengths, one run, each group of {where}",
            f"median error at most {ERROR:.0%} of σ",
            f"{shown(max(s.error for s in each), '.1%')} at most",
            max(s.error for s in each),
            ERROR,
            "what the law is to reach",
        ),
        *(
            _asked(
                f"deaths within a factor of {FACTOR} of the forecast, {runs}, {where}", near_deaths(unseen, kind), 0.9
            )
            for runs, kind in (("one run", Named.singles), ("two runs", Named.pairs))
        ),
        *(
            Claim(
                f"90 % intervals of {what}, {where}",
                f"hold {COVERED[0]:.0%} to {COVERED[1]:.0%}",
                shown(share, ".1%"),
                abs(share - sum(COVERED) / 2),
                (COVERED[1] - COVERED[0]) / 2,
                "what the intervals say of themselves",
            )
            for what, share in (("strengths", held), ("weight decays where directions die", held_deaths))
        ),
    ]
    risen = [] if quick else [one for one in rising() if score_of(one.singles()).cases]
    if risen:
        what, new = f"deaths within a factor of {FACTOR}", [one for one in risen if one.unseen]
        share = near_deaths(new, Named.singles)
        claims.append(_asked(f"{what}, one run, weight decay raised, {len(new)} unseen networks", share, 0.9))
    facts = {
        name.name: {"unseen": name.unseen, "one": vars(score_of(name.singles())), "two": vars(score_of(name.pairs()))}
        for name in named
    }
    others = [one for one in everything if one.loss != "mse"]
    return Study(
        claims,
        {},
        facts,
        {"laws": _table(named), "deaths": _deaths(named), "noise": _noise(named)}
        | ({"pulls": _pulls(others)} if others else {})
        | ({"rising": _rising(named, risen)} if risen else {}),
    )


def _noise(named: Sequence[Named]) -> str:
    """How what scatter takes of a strength grows from run to run, with λ and as the direction weakens."""
    rows = [(name.label, *(shown(power, ".2f") for power in name.group.noise_exponents())) for name in named]
    return markdown(("network", "with λ, power", "as strength falls, power"), rows)


def _pulls(named: Sequence[Named]) -> str:
    """Cross-entropy: by what factor the forecast of how hard the loss pulls is off, in the median and for 90 %."""
    rows = []
    for name in named:
        found = [pull_factors(one.records) for one in name.group.sweeps]
        cells = []
        for kind in (0, 1):
            octaves = [value for factors in found for value in factors[kind]]
            middle, most = np.quantile(octaves, [0.5, 0.9]) if octaves else (np.nan, np.nan)
            cells.append(f"{shown(2**middle, '.2f')}, {shown(2**most, '.2f')}")
        rows.append((name.label, *cells))
    return markdown(("network", "old law", "new law, one run"), rows)


def _rising(named: Sequence[Named], risen: Sequence[Named]) -> str:
    """Each run from scratch, beside one network that is trained on at rising weight decays."""
    of_name = {name.name: name for name in named}
    rows = []
    for both in ((of_name[one.name], one) for one in risen):
        cells = [shown(all_at_once(name), ".0%") for name in both]
        for name in both:
            one = score_of(name.singles())
            near = (near_deaths([name], Named.singles, possibly=possibly) for possibly in (False, True))
            cells += [f"{shown(one.right, '.1%')}, {shown(one.error, '.1%')}", *(shown(share, ".1%") for share in near)]
        rows.append((both[0].label, *cells))
    head = ("network", "all die at once: from scratch", "raised")
    head += tuple(f"{kind}: {what}" for kind in ("from scratch", "raised") for what in ("law", "deaths", "possibly"))
    return markdown(head, rows)


def _asked(what: str, share: float, least: float) -> Claim:
    missing = 1 - share
    return Claim(what, f"{least:.0%} or more", shown(share, ".1%"), missing, 1 - least, "what the law is to reach")


def _table(named: Sequence[Named]) -> str:
    head = ("network", "old law", "new law, one run", "new law, two runs", "two seeds agree", "all alike")
    head += ("90 % intervals hold",)
    rows = []
    for name in named:
        old, one, two = name.group.score(1), score_of(name.singles()), score_of(name.pairs())
        different, apart = name.group.between_seeds()
        rows.append(
            (
                name.label,
                *(f"{shown(law.right, '.1%')}, {shown(law.error, '.1%')}" for law in (old, one, two)),
                f"{shown(1 - different, '.1%')}, {shown(apart, '.1%')}",
                f"{name.group.best_constant():.1%}",
                shown(covered([name]), ".1%"),
            )
        )
    for label, some in _together(named):
        old = score(pair for name in some for one in name.group.sweeps for pair in one.trials(1))
        one, two = (score_of(trial for name in some for trial in kind(name)) for kind in (Named.singles, Named.pairs))
        laws = (f"{shown(law.right, '.1%')}, {shown(law.error, '.1%')}" for law in (old, one, two))
        rows.append((label, *laws, "", "", shown(covered(some), ".1%")))
    return markdown(head, rows)


def _together(named: Sequence[Named]) -> list[tuple[str, list[Named]]]:
    """All unseen networks, where there are some."""
    unseen = [name for name in named if name.unseen]
    return [("**all unseen**", unseen)] if unseen else []


def _deaths(named: Sequence[Named]) -> str:
    head = (
        "network",
        "runs apart by",
        "one run",
        "possibly",
        "two runs",
        "possibly",
        "two seeds agree",
        "intervals hold",
    )
    rows = []
    for label, these in [*((name.label, [name]) for name in named), *_together(named)]:
        decays = these[0].group.sweeps[0].decays
        near = [
            shown(near_deaths(these, kind, possibly=possibly), ".1%")
            for kind in (Named.singles, Named.pairs)
            for possibly in (False, True)
        ]
        apart = f"{decays[1] / decays[0]:.2f}" if len(these) == 1 else ""
        rows.append((label, apart, *near, shown(seeds_agree(these), ".1%"), shown(covered_deaths(these), ".1%")))
    return markdown(head, rows)


if __name__ == "__main__":
    main("unseen", study)
