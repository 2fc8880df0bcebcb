"""A comparison of heads in plain sentences."""

from penultimate.heads.comparison.comparison import PLAIN, HeadComparison, HeadResult, Interval
from penultimate.heads.comparison.scoring import BANDS, COST
from penultimate.heads.kernel_head import KernelHead
from penultimate.report.kit.numbers import number, points
from penultimate.report.kit.numbers import percent as share

# Heads of a blend that are named, and the least weight of those.
_NAMED, _LIGHT = 3, 0.05
_WHY = {
    "τ-normalised": "its scores sum to one, as those of squared error do: every row gets the same norm, and no bias",
    "logit adjustment": "the logarithm of the class shares is taken from the scores",
}


def verdict(comparison: HeadComparison) -> str:
    """Say in a few sentences which head to use and what it does."""
    return " ".join(paragraphs(comparison))


def paragraphs(comparison: HeadComparison) -> list[str]:
    """The same, one thought a paragraph: first what was taken of the order of the classes."""
    return [*comparison.notes, *_judgement(comparison)]


def _judgement(comparison: HeadComparison) -> list[str]:
    present, blend = comparison.present, comparison.blend
    if blend is None:
        return [
            f"Untested recommendation, because without held-out features no classifier can be judged: "
            f"{comparison.by_theory} with τ = 1 ({_WHY[comparison.by_theory]}).",
            "Give held-out features to learn from, and to know what it gains.",
        ]
    costly = [] if comparison.costs is None else [_costs(comparison, present, blend)]
    if comparison.keeps:
        return [*costly, _kept(comparison, present, blend), _theory(comparison), *_use(comparison)]
    gained = [_gain(comparison, present, blend), _mixture(comparison), _cost(blend), _calibration(present, blend)]
    return [*costly, *gained, *_use(comparison)]


def reference(comparison: HeadComparison) -> str:
    """What all are compared with."""
    return "the plain head" if comparison.present.name == PLAIN else "the present head"


def percent(value: float) -> str:
    """A share, with three digits."""
    return share(value, 3)


def setting(result: HeadResult) -> str:
    """The setting of a head, where it has one."""
    return "" if result.setting is None else f"{result.symbol}\u00a0=\u00a0{number(result.setting, 3)}"


def how(comparison: HeadComparison) -> list[tuple[str, str]]:
    """How the comparison was made, as names and values; empty where nothing was judged."""
    if comparison.held_out is None:
        return []
    many, few = comparison.bounds
    over = reference(comparison)
    left_out = "; ".join(f"{name} ({why})" for name, why in comparison.left_out.items())
    return [
        ("held out", f"{number(comparison.held_out.samples)} samples of {number(comparison.held_out.seen)} classes"),
        (
            "parts",
            f"chosen on {comparison.folds - 1} of {comparison.folds} parts of VALID and judged on the last, "
            f"{comparison.repeats} times dealt (seed {comparison.seed})",
        ),
        (
            "target",
            f"{'balanced accuracy' if comparison.costs is None else 'mean cost'}; every figure but plain accuracy is "
            "for balanced classes",
        ),
        ("setting", "of least balanced log loss"),
        ("blend", "scores of all heads added, by weights of least balanced log loss, held near one head's"),
        ("bands", f"many: more than {number(many)} training samples; few: fewer than {number(few)}"),
        ("gain", f"of balanced accuracy over {over}, in points, with the paired bootstrap's 95 % interval"),
        *([("not tried", left_out)] if left_out else []),
    ]


def _costs(comparison: HeadComparison, present: HeadResult, blend: HeadResult) -> str:
    """What wrong answers cost, before and after; this decides."""
    gain, low, high = blend.gains[COST]
    return (
        f"Every head answers what costs least. The mean cost is {number(blend.figures[COST], 3)} with the blend for "
        f"{number(present.figures[COST], 3)} with {reference(comparison)}, a change of {number(gain, 3)} (95 % "
        f"interval {number(low, 3)} to {number(high, 3)}). So "
        f"{'keep ' + reference(comparison) if comparison.keeps else 'use the blend'}."
    )


def _use(comparison: HeadComparison) -> list[str]:
    """How a head answers that its largest score does not."""
    bent, said = isinstance(comparison.head, KernelHead), list[str]()
    if bent:
        said.append(
            "The blend is not linear: no network's last layer can take it, it answers by itself (`KernelHead`)."
        )
    if comparison.costs is not None:
        given = "costs to `predict`" if bent else "costs, and the softmax of the head's scores, to `pen.decide`"
        said.append(f"In use give the {given}.")
    return [" ".join(said)] if said else []


def _kept(comparison: HeadComparison, present: HeadResult, blend: HeadResult) -> str:
    low, high = blend.gains["balanced_accuracy"][1:]
    if high < 0:
        why = "a loss"
    else:
        why = "a gain" if low > 0 else "which does not exclude zero; more held-out samples would narrow it"
    # What decides was said before, where that is the cost.
    keep = f"Keep {reference(comparison)}: a" if comparison.costs is None else "A"
    return (
        f"{keep} blend of {len(comparison.results) + 1} heads changes balanced accuracy, on "
        f"samples that it did not learn from, by {points(low)} to {points(high)} points (95 % interval), {why}. It has "
        f"{percent(present.figures['balanced_accuracy'])}."
    )


def _theory(comparison: HeadComparison) -> str:
    """What the head that is handed out without VALID does on it."""
    gain, low, high = comparison.theory.gains["balanced_accuracy"]
    return (
        f"The recommendation that needs no held-out samples ({comparison.theory.what}) changes it by {points(gain)} "
        f"({points(low)} to {points(high)}). After plain cross-entropy or squared error, `penultimate advise` "
        "recommends whichever of the two has the lower held-out log loss, and says that the gain is not proven."
    )


def _gain(comparison: HeadComparison, present: HeadResult, blend: HeadResult) -> str:
    gain, low, high = blend.gains["balanced_accuracy"]
    use = "Use the blend" if comparison.costs is None else "The blend"
    return (
        f"{use} of {len(comparison.results) + 1} heads: made from some of VALID and judged on the rest, it "
        f"has a balanced accuracy of {percent(blend.figures['balanced_accuracy'])} for "
        f"{percent(present.figures['balanced_accuracy'])}, a gain of {points(gain)} points (95 % interval "
        f"{points(low)} to {points(high)})."
    )


def _mixture(comparison: HeadComparison) -> str:
    weights = {kind.name: kind.weight or 0.0 for kind in (comparison.theory, *comparison.results)}
    heaviest = sorted(weights.items(), key=lambda entry: -entry[1])[:_NAMED]
    told = ", ".join(f"'{name}' ({number(weight, 2)})" for name, weight in heaviest if weight >= _LIGHT)
    return f"It weighs most: {told}." if told else ""


def _cost(blend: HeadResult) -> str:
    bands = {name: blend.gains[name] for name in BANDS if blend.figures[name] == blend.figures[name]}
    told = ", ".join(f"{name} {points(gain[0])}" for name, gain in bands.items())
    paid = [name for name, gain in bands.items() if _is_loss(gain)]
    price = f" The price is paid by the classes of {' and '.join(paid)} samples." if paid else ""
    plain = blend.gains["accuracy"]
    share_of_all = f" Plain accuracy on VALID: {points(plain[0])} ({points(plain[1])} to {points(plain[2])})."
    return f"By number of training samples, in points: {told}.{price}{share_of_all}"


def _calibration(present: HeadResult, blend: HeadResult) -> str:
    before, after = present.figures, blend.figures
    return (
        f"Calibration error goes from {percent(before['calibration_error'])} to {percent(after['calibration_error'])}, "
        f"log loss from {number(before['log_loss'], 3)} to {number(after['log_loss'], 3)}."
    )


def _is_loss(gain: Interval) -> bool:
    return gain[2] < 0
