"""Real networks over weight decays: does one calibrated run say where every direction stands and dies?

A multilayer perceptron and a small convolutional network are trained on Fashion-MNIST cut to counts 6,000 … 60, with
L = 1, 2, 3 linear layers at the end, squared error, and weight decays from far below to far above the death of the
tail. In every run the last layer is measured along the directions of the label matrix. The evidence for findings 2 to
4 are the *factors* P and Q; their product T is diagonal in any network that fits its labels. Then the law: one run,
calibrated by strengths, forecasts all others (θ ∝ √λ). Each run of a sweep takes its turn as the one.

Directions are called dead below a tenth of their σ (`penultimate.forecasts.status.LOST`), in both.
"""

from collections.abc import Sequence

import numpy as np

from studies.law import Record, alive, least_cosine, score, strengths
from studies.results import TENTH, Claim, Study, main, markdown, mean, median, shown
from studies.series import SHOWN, Group, grouped
from studies.sweep_figures import figures
from studies.training import Recipe, run_all

SEEDS = 3


def recipes(quick: bool, seed: int) -> list[list[Recipe]]:
    """One list for each sweep over weight decays."""
    if quick:
        return digits([5e-4 * 8**step for step in range(4)], (1, 2), seed, epochs=75)
    out = []
    for layers in (1, 2, 3):
        decays = [5e-4 * 2**step for step in range(11 if layers == 1 else 9)]
        for start in range(seed, seed + SEEDS):
            out.append([Recipe(decay, start, layers) for decay in decays])
            # A convolutional network is dearer: fewer epochs, and decays from 1e-3 on.
            out.append([Recipe(decay, start, layers, body="cnn", epochs=10) for decay in decays[1:9]])
    return [*out, *digits([5e-4 * 2**step for step in range(11)], (1, 2, 3), seed)]


def digits(decays: Sequence[float], layers: Sequence[int], seed: int, epochs: int = 300) -> list[list[Recipe]]:
    """The same perceptron on small clean data, which it fits with hardly any scatter within classes; two seeds."""
    return [
        [Recipe(decay, start, depth, data="digits", ratio=20.0, epochs=epochs) for decay in decays]
        for depth in layers
        for start in (seed, seed + 1)
    ]


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    wanted = recipes(quick, seed)
    flat = iter(run_all([recipe for some in wanted for recipe in some]))
    groups = grouped([[next(flat) for _ in some] for some in wanted])
    claims = [claim for group in groups for claim in law_claims(group)]
    claims += [claim for group in groups for claim in factor_claims(group)]
    claims += [claim for group in groups if group.layers == 1 for claim in _class_claims(group)]
    facts = {group.name: _facts(group) for group in groups}
    tables = {"headline": _headline(groups), "law": law_table(groups), "factors": factor_table(groups)}
    return Study(claims, figures(groups), facts, tables)


def _headline(groups: Sequence[Group]) -> str:
    """The two numbers of the whole: directions right, and error of strengths; one run forecasts all others."""
    fashion = [group for group in groups if not group.on_digits]
    sets = {
        "Fashion-MNIST, one linear layer": [group for group in fashion if group.layers == 1],
        "Fashion-MNIST, L = 1, 2, 3": fashion,
        "digits": [group for group in groups if group not in fashion],
    }
    rows = []
    for name, some in sets.items():
        sweeps = [sweep for group in some for sweep in group.sweeps]
        if not sweeps:
            continue
        law = score(pair for sweep in sweeps for pair in sweep.trials(1))
        norms = score(pair for sweep in sweeps for pair in sweep.trials(1, norms=True))
        share = float(np.mean([alive(record) for sweep in sweeps for record in sweep.records]))
        rows.append(
            (
                name,
                f"**{shown(law.right, '.1%')}** of {law.cases:,}",
                f"**{shown(law.error, '.1%')}** of σ",
                f"{shown(law.worst, '.0%')} of σ",
                shown(norms.right, ".1%"),
                f"{max(share, 1 - share):.1%}",
            )
        )
    head = ("one run forecasts all others", "alive or dead, right", "strength, median error", "95 % within")
    return markdown((*head, "right if calibrated by norms", "right if all are called alike"), rows)


def _shown(group: Group) -> list[Record]:
    """The run at the decay shown, or the nearest there is, of every seed."""
    return [s.records[int(np.argmin(np.abs(np.log(s.decays / SHOWN))))] for s in group.sweeps]


def _mean(records: Sequence[Record], name: str) -> float:
    return mean([record[name] for record in records])


def factor_claims(group: Group) -> list[Claim]:
    """Findings 2 to 4 at one weight decay, means over the seeds whose last layer is more than zeros."""
    looked = _shown(group)
    some = [record for record in looked if not record["collapsed"]]
    t, head, means = (_mean(some, f"{name}off_diagonal_share") for name in ("", "head_", "means_"))
    cosine, bias = mean([least_cosine(record) for record in some]), _mean(some, "bias_error")
    at = f"{group.name}, λ = {looked[0]['recipe']['weight_decay']:g}"
    return [
        Claim(f"{at}: T is diagonal (weak evidence)", "0 off the diagonal", shown(t, ".1%"), t, *TENTH),
        Claim(f"{at}: finding 3, rows of P are orthogonal", "0 off the diagonal", shown(head, ".0%"), head, *TENTH),
        Claim(
            f"{at}: finding 3, columns of Q are orthogonal", "0 off the diagonal", shown(means, ".0%"), means, *TENTH
        ),
        Claim(
            f"{at}: finding 4, p_i is parallel to q_i where alive",
            "cosine 1",
            f"least {shown(cosine, '.2f')}",
            1 - cosine,
            *TENTH,
        ),
        Claim(
            f"{at}: bias is n/N",
            "no difference",
            f"{shown(bias, '.4f')} at most",
            bias,
            0.01,
            "convention: a hundredth",
        ),
    ]


def law_claims(group: Group) -> list[Claim]:
    """What one run says of all others; the seeds say how far two runs of a kind may differ."""
    law, norms = group.score(1), group.score(1, norms=True)
    seeds_alive, seeds_strength = group.between_seeds()
    octaves = np.abs(group.octaves(1))
    moves = group.feature_decays()[1]
    name = group.name
    factor, most = 2 ** median(octaves), 2 ** (float(np.quantile(octaves, 0.9)) if octaves.size else float("nan"))
    low, high = (float(moves.min()), float(moves.max())) if moves.size else (float("nan"), float("nan"))
    return [
        Claim(
            f"{name}: one run forecasts which directions live at all other decays",
            "100 % right",
            f"{shown(law.right, '.1%')} of {law.cases:,}; all alike: {group.best_constant():.1%}, "
            f"by norms: {shown(norms.right, '.1%')}",
            1 - law.right,
            seeds_alive,
            "so many differ between seeds",
        ),
        Claim(
            f"{name}: strengths calibrate better than norms",
            "fewer wrong",
            f"{shown(1 - law.right, '.1%')} for {shown(1 - norms.right, '.1%')} wrong",
            (1 - law.right) / max(1 - norms.right, 1e-9),
            1.0,
            "ratio",
        ),
        Claim(
            f"{name}: and how strong they are",
            "no difference",
            f"{shown(law.error, '.1%')} of σ in the median, {shown(law.worst, '.0%')} for 95 %",
            law.error,
            seeds_strength,
            "median difference of two seeds",
        ),
        Claim(
            f"{name}: directions die where forecast",
            "λ = λ_0 (0.9 σ/θ_0)²",
            f"factor {shown(factor, '.2f')} in the median, {shown(most, '.1f')} for 90 %",
            factor,
            2.0,
            "a factor of two, as docs/forecast says",
        ),
        Claim(
            f"{name}: λ_H is the same at all weight decays",
            "one number",
            f"{shown(low, '.1e')} … {shown(high, '.1e')}, ∝ λ^{shown(group.drift(), '.2f')}",
            high / low,
            2.0,
            "more shifts deaths by more than a factor of two",
        ),
    ]


def law_table(groups: Sequence[Group]) -> str:
    """How well laws of one layer, of the network's own, by norms and of a fitted L forecast other runs."""
    head = (
        "network",
        "right: L = 1",
        "two runs",
        "own L",
        "by norms",
        "all alike",
        "seeds agree",
        "error of strengths",
        "worst 5 %",
    )
    head += ("death, median factor", "λ_H ∝ λ^", "exponents a, b", "fitted L: right")
    rows = []
    for group in groups:
        law, own, (a, b) = group.score(1), group.score(group.layers), group.exponents()
        fitted = group.sweeps[0].effective_layers
        rows.append(
            (
                group.name,
                shown(law.right, ".1%"),
                shown(group.score_of_pairs(1).right, ".1%"),
                shown(own.right, ".1%"),
                shown(group.score(1, norms=True).right, ".1%"),
                f"{group.best_constant():.1%}",
                shown(1 - group.between_seeds()[0], ".1%"),
                shown(law.error, ".1%"),
                shown(law.worst, ".0%"),
                shown(2 ** median(np.abs(group.octaves(1))), ".2f"),
                shown(group.drift(), ".2f"),
                f"{shown(a, '.2f')}, {shown(b, '.2f')}",
                "–" if fitted is None else f"L = {fitted:g}: {shown(group.score(fitted).right, '.1%')}",
            )
        )
    return markdown(head, rows)


def factor_table(groups: Sequence[Group]) -> str:
    """Means over seeds and over directions alive, by network and decay."""
    head = (
        "network",
        "λ",
        "alive",
        "off T",
        "off PPᵀ",
        "off QᵀQ",
        "least cosine",
        "bias off n/N",
        "layers unbalanced",
    )
    rows = []
    for group in groups:
        for place, decay in enumerate(group.sweeps[0].decays):
            some = [sweep.records[place] for sweep in group.sweeps if not sweep.records[place]["collapsed"]]
            if not some or not all(alive(record).any() for record in some):
                continue
            shares = [_mean(some, f"{name}off_diagonal_share") for name in ("", "head_", "means_")]
            balance = [value for record in some for value in record["balance"]]
            rows.append(
                (
                    group.name,
                    f"{decay:g}",
                    f"{np.mean([alive(record).sum() for record in some]):.1f}",
                    *(f"{share:.2f}" for share in shares),
                    f"{np.mean([least_cosine(record) for record in some]):.2f}",
                    f"{_mean(some, 'bias_error'):.4f}",
                    f"{max(balance):.2g}" if balance else "",
                )
            )
    return markdown(head, rows)


def _class_claims(group: Group) -> list[Claim]:
    """Recall against what classes keep, and what makes some directions lose more than others."""
    claims = []
    for part, where in (("recall", "training"), ("test_recall", "test")):
        found = group.recalls(part)
        for status, fits in (("own", found["own"] >= 0.5), ("lost", found["lost"] < 0.5)):
            if fits.size:
                claims.append(
                    Claim(
                        f"{group.name}: recall of classes forecast '{status}' ({where})",
                        f"recall {'above' if status == 'own' else 'below'} a half",
                        f"{fits.mean():.1%} of {fits.size:,}; median recall {np.median(found[status]):.2f}",
                        1 - float(fits.mean()),
                        *TENTH,
                    )
                )
    budget = group.budget()
    if budget:
        claims.append(
            Claim(
                f"{group.name}: noise within classes is why some directions lose more than others",
                "most of the variance of σ − t",
                ", ".join(f"{name} {share:.0%}" for name, share in budget.items()),
                1 - budget["noise"],
                0.5,
                "most: more than half",
            )
        )
    return claims


def _facts(group: Group) -> dict[str, object]:
    decays, feature = group.feature_decays()
    return {
        "budget": group.budget(),
        "exponents": group.exponents(),
        "feature_decay": {"weight_decay": decays, "by_strengths": feature},
        "seeds": [
            {
                "weight_decay": sweep.decays,
                "sigma": sweep.sigma,
                "strength": [strengths(record) for record in sweep.records],
                "recall": [record["recall"] for record in sweep.records],
                "test_recall": [record["test_recall"] for record in sweep.records],
                "dies_at": sweep.dies_at,
                "seconds": [record["seconds"] for record in sweep.records],
            }
            for sweep in group.sweeps
        ],
    }


if __name__ == "__main__":
    main("sweep", study)
