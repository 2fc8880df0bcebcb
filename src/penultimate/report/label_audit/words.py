"""An audit of several labels a sample, in plain sentences."""

from penultimate.audits.label_audit import LabelAudit
from penultimate.audits.label_progress import LabelProgress
from penultimate.report.kit.numbers import how_many, number
from penultimate.report.kit.targets import ONE_EACH

# Of the scatter: more beyond the labels is worth a sentence, and so is more within label sets.
_BEYOND, _WITHIN = 0.1, 0.5
# Names in a sentence, and the share of a label's variance below which features hardly tell it.
_NAMED, _HARDLY = 3, 0.1


def verdict(audit: LabelAudit) -> str:
    """The audit in one paragraph."""
    return " ".join(paragraphs(audit))


def paragraphs(audit: LabelAudit) -> list[str]:
    """What features are made of and what the head reads; then labels, and what it rests on."""
    first, second = [_shares(audit), _law(audit)], [_hardly(audit), _caveats(audit)]
    return [" ".join(filter(None, part)) for part in (first, second) if any(part)]


def share(value: float | None) -> str:
    """A share for people; estimates just outside its range are at its ends."""
    if value is None:
        return "–"
    return f"{100 * min(max(value, 0.0), 1.0):.1f} %"


def facts(audit: LabelAudit) -> list[tuple[str, str]]:
    """Key figures, one a line."""
    targets, shares, law = audit.targets, audit.shares, audit.law
    rows = [
        ("labels", f"{number(targets.labels)}, in {_sets(audit)}"),
        ("samples", f"{number(targets.samples)}, {number(targets.unlabelled)} of them without labels"),
        ("features", f"width {number(audit.statistics.dimension)}"),
        ("a sum of label vectors", share(shares.additive)),
        ("beyond the labels", share(shares.beyond)),
        ("within label sets", share(shares.within)),
        ("lack of fit", f"{number(shares.lack_of_fit, 3)} (1 where combinations are not coded at all)"),
    ]
    if audit.alive is not None:
        rows.append(("directions alive", f"{number(audit.alive)} of {number(audit.spectrum.rank)} keep a tenth of s"))
        rows.append(("head times features", f"{share(audit.off_diagonal_share)} off the diagonal"))
    if law is not None:
        nearest = how_many(law.layers, "layer", "layers")
        rows.append(("nearest law", f"of {nearest}: {_off(law.error)}, {share(law.right)} rightly alive or dead"))
    return rows


def _off(error: float) -> str:
    return f"{100 * error:.1f} % off"


def _sets(audit: LabelAudit) -> str:
    sets = audit.shares.sets
    return (
        "more than 20,000 different sets, or real targets" if sets is None else how_many(sets, "set", "different sets")
    )


def _shares(audit: LabelAudit) -> str:
    shares = audit.shares
    if shares.beyond is None or shares.within is None:
        return (
            f"Of the scatter of the features, {share(shares.additive)} is a sum of one vector a label. What lies "
            "beyond the labels is not known: label sets do not repeat, or there are too many."
        )
    text = (
        f"Of the scatter of the features, {share(shares.additive)} is a sum of one vector a label, "
        f"{share(shares.beyond)} separates label sets beyond that, and {share(shares.within)} lies within label sets."
    )
    if shares.beyond > _BEYOND:
        text += " The network codes combinations of labels, which no sum of label vectors does."
    if shares.within > _WITHIN:
        text += " Samples with the same labels are far from sharing a feature: features have not collapsed."
    return text


def _law(audit: LabelAudit) -> str:
    if audit.alive is None:
        return "Without a head nothing is said of strengths."
    rank, law = audit.spectrum.rank, audit.law
    could = how_many(rank, "direction keeps a tenth of what it could", "directions keep a tenth of what they could")
    living = f"{number(audit.alive)} of {could}"
    if audit.loss != "mse":
        return f"{living}; laws of strengths are for squared error, so no forecast is compared."
    if audit.progress is not None:
        return f"{living}. {_progress(audit, audit.progress)}"
    if law is None:
        return f"{living}, too few to read a law of strengths from."
    if not law.fits:
        return (
            f"{living}. No law of one to four layers fits these strengths (the nearest is {_off(law.error)}), and "
            "no curves of training that is under way: no forecast is compared."
        )
    return (
        f"{living}. Strengths follow the law of {how_many(law.layers, 'layer', 'layers')}, {_off(law.error)}, and "
        f"{share(law.right)} of directions are rightly alive or dead."
    )


def _progress(audit: LabelAudit, progress: LabelProgress) -> str:
    """What has been learnt and what has not."""
    after = float(progress.half_at[progress.half_at > 1.0].min())
    return (
        f"Training is not through: strengths lie on the curves of directions that are being learnt, the strongest "
        f"first ({_off(progress.error)}). {number(progress.learnt)} of {number(audit.spectrum.rank)} have half of "
        f"what they could, and the next has it after {number(after, 3)} times the training so far. No forecast is "
        "compared."
    )


def _hardly(audit: LabelAudit) -> str:
    worst = [k for k in audit.least_separated(audit.targets.labels).tolist() if audit.separation[k] < _HARDLY]
    if not worst:
        return ""
    names = ", ".join(str(audit.targets.names[k]) for k in worst[:_NAMED])
    more = f" and {number(len(worst) - _NAMED)} more" if len(worst) > _NAMED else ""
    return f"Features hardly tell {names}{more}: a linear function of them explains less than a tenth of the label."


def _caveats(audit: LabelAudit) -> str:
    parts = [ONE_EACH] if audit.targets.one_each else []
    fixed = int((audit.targets.variance <= 0).sum())
    if fixed:
        parts.append(
            f"{how_many(fixed, 'label never changes', 'labels never change')} here, and nothing is said of such."
        )
    return " ".join(parts)
