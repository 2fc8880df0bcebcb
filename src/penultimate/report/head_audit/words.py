"""The audit of a head without features, in plain sentences."""

import numpy as np

from penultimate.audits.head import HeadAudit
from penultimate.audits.shape import Shape
from penultimate.report.kit.head_noise import noise_words
from penultimate.report.kit.numbers import names_of, number, percent, power_of_count

# Biases that add up to this much more or less than 1 are not what squared error leaves.
_SUM_OFF = 0.1


def verdict(audit: HeadAudit) -> str:
    """Say in a few sentences what an audit of a head found."""
    return " ".join(paragraphs(audit))


def paragraphs(audit: HeadAudit) -> list[str]:
    """The verdict in two parts: which rows tell classes apart, and how the last layer compares with the forecast."""
    first = [*audit.notes, _merged(audit), _identical(audit), _zero(audit)]
    second = [_lengths(audit), _shape(audit), _directions(audit), noise_words(audit.rows.noise), bias_words(audit)]
    second.append(_limits())
    return [" ".join(sentence for sentence in part if sentence) for part in (first, second)]


def bias_words(audit: HeadAudit) -> str:
    """Say what the biases tell of the loss."""
    if not audit.centred:
        return "There is no bias."
    if not audit.squared:
        if np.isnan(audit.bias_on_log_counts[0]):
            return ""
        return (
            f"The bias follows {number(audit.bias_on_log_counts[0], 2)} · log n. A value of 1 means the class prior is "
            "fully absorbed by the bias."
        )
    total = f"The biases add up to {number(audit.bias_sum, 2)}"
    if abs(audit.bias_sum - 1.0) <= _SUM_OFF:
        return f"{total}, as squared error makes them (1)."
    return (
        f"{total}; squared error would make that 1. So this network was trained with another loss, or not to the end, "
        "and the forecast, which is for squared error, does not describe it."
    )


def compared_words(audit: HeadAudit) -> str:
    """Say of which classes the neighbours were looked for."""
    compared, seen = audit.neighbours.compared.size, audit.every.classes.size
    if compared + audit.zero_rows[0] >= seen:
        return "every row with every other"
    return f"the rows of the {number(compared)} rarest classes with all {number(seen)}, to save time"


def facts(audit: HeadAudit) -> list[tuple[str, str]]:
    """Say what was measured, one figure a line."""
    head, problem = audit.head, audit.forecast.problem
    slope, error, expected = audit.slopes
    log_slope, correlation = audit.bias_on_log_counts
    layers = f"{len(head.weights)} layer{'s' if len(head.weights) > 1 else ''}"
    decays = ", ".join(number(decay) for decay in problem.weight_decay)
    rows = [
        ("head", f"{number(head.classes)} × {number(head.dimension)}, {layers}, {audit.dtype}"),
        ("weight decay", f"{decays}, feature decay by {problem.feature_decay_source}"),
        (
            "Gram matrix",
            f"{percent(audit.off_diagonal_share, 2)} is not on the diagonal along the label directions (0 % in theory)",
        ),
        ("distance to forecast", f"{number(audit.gram_distance, 3)} of the Gram matrix (0 … 1.41)"),
        ("strengths", _off(audit.along)),
        ("singular values", _off(audit.spectrum)),
        ("scale", _scale(audit)),
        ("norms by count", f"{power_of_count(slope)} ± {number(error, 1)}, forecast {power_of_count(expected)}"),
        ("compared", compared_words(audit)),
    ]
    if not problem.is_plain_squared_error:
        found = (
            ""
            if audit.forecast.solution.converged
            else ", the best point found from several starts, not proven to be the minimum"
        )
        rows.insert(1, ("loss", f"{problem.loss}{found}"))
    if np.isfinite(audit.mean_row_share):
        rows.append(("mean row", f"{percent(audit.mean_row_share, 2)} of a row's length"))
    if audit.centred:
        shares = f"sum {number(audit.bias_sum, 3)}, at most {number(audit.bias_error, 3)} from the class shares; "
        slope_words = f"slope on log n {number(log_slope, 2)} (correlation {number(correlation, 2)})"
        rows.append(("bias", (shares if audit.squared else "") + slope_words))
    return rows


def _off(shape: Shape) -> str:
    return f"{percent(shape.error, 2)} from the forecast; equal ones would be {percent(shape.flat_error, 2)} from it"


def _scale(audit: HeadAudit) -> str:
    if np.isnan(audit.along.scale):
        return "none: the forecast has no direction left"
    ratio = f"c = {number(audit.implied_ratio, 2)} at this weight decay, or less where means are not parallel to it"
    return f"{number(audit.along.scale, 3)} times the forecast: {ratio}"


def _merged(audit: HeadAudit) -> str:
    groups, at = audit.neighbours.merged, f"cosine {number(audit.merged_at)} or more"
    some = audit.neighbours.compared.size + audit.zero_rows[0] < audit.every.classes.size
    among = f" among the {number(audit.neighbours.compared.size)} rarest classes and all others" if some else ""
    if not groups:
        return f"No two rows of the last layer point the same way ({at}){among}."
    names = names_of(audit.counts, groups[0])
    if len(groups) == 1:
        return f"One group of rows points the same way ({at}){among}: {names}."
    return f"{number(len(groups))} groups of rows point the same way ({at}){among}, the largest {names}."


def _identical(audit: HeadAudit) -> str:
    groups = audit.every.identical
    if not groups:
        return ""
    rows = number(float(sum(group.size for group in groups)))
    return f"{rows} rows are exactly equal to another one (such as {names_of(audit.counts, groups[0])})."


def _zero(audit: HeadAudit) -> str:
    measured, expected = audit.zero_rows
    if measured == expected == 0:
        return ""
    return f"Rows that are almost zero: {number(measured)}, in the forecast {number(expected)}."


def _lengths(audit: HeadAudit) -> str:
    slope, _, expected = audit.slopes
    if np.isnan(slope):
        return ""
    forecast = "" if np.isnan(expected) else f", in the forecast like {power_of_count(expected)}"
    return f"Row lengths grow with the number of samples like {power_of_count(slope)}{forecast}."


def _shape(audit: HeadAudit) -> str:
    share = percent(audit.off_diagonal_share, 2)
    text = f"Along the label directions {share} of the Gram matrix is off the diagonal (0 % in theory)."
    if np.isnan(audit.along.error):
        return f"{text} In the forecast no direction survives, so there is nothing to compare strengths with."
    if audit.counts.distinct.size == 1:
        return text
    return (
        f"{text} Its strengths differ by {percent(audit.along.error, 2)} from the forecast, up to one common scale; "
        f"strengths that ignore the class counts would differ by {percent(audit.along.flat_error, 2)}."
    )


def _directions(audit: HeadAudit) -> str:
    measured, expected = audit.dead
    source = audit.forecast.problem.feature_decay_source
    return f"Vanished directions: {number(measured)}, in the forecast {number(expected)} (feature decay: {source})."


def _limits() -> str:
    return "The last layer alone says nothing about class means, recall, or the size of the feature decay."
