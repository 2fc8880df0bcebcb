"""The forecast in plain sentences."""

import math

import numpy as np

from penultimate.forecasts.forecast import Forecast
from penultimate.minimisers.solution import Outcome
from penultimate.model.networks import ANY, Networks
from penultimate.model.strength_law import REACH, StrengthLaw
from penultimate.report.kit.numbers import how_many, number

# Of the number of samples that a class needs, where every direction has a path of its own.
IN_THE_MEDIAN = "in the median of the audited directions"


def verdict(forecast: Forecast) -> str:
    """Say in a few sentences what a forecast means and what to do about it."""
    return " ".join(paragraphs(forecast))


def paragraphs(forecast: Forecast) -> list[str]:
    """The same in two parts: what happens and what to do, and what that rests on."""
    parts = [f"{_what_happens(forecast)} {_what_to_do(forecast)}", _caveats(forecast)]
    return [part.strip() for part in parts if part.strip()]


def _what_happens(forecast: Forecast) -> str:
    seen, own = forecast.counts.seen, forecast.classes_with("own")
    at = f"At weight decay {number(forecast.problem.weight_decay[0])},"
    if forecast.survivors == 0:
        return f"{at} no class keeps a direction: all features collapse to zero, and only the bias is learnt."
    if own == seen:
        # Silence would be read as good news for a class of a few samples.
        few = how_many(forecast.counts.smallest, "sample stands", "samples stand")
        text = f"{at} all {number(seen)} classes keep a direction of their own. Weight decay is not the problem here;"
        return f"{text} how well {few} for new ones is another question, which no forecast answers."
    shared, lost = forecast.classes_with("shared"), forecast.classes_with("lost")
    text = f"{at} {number(own)} of {number(seen)} classes keep a direction of their own"
    losers = [f"{number(lost)} {'loses its own' if lost == 1 else 'lose theirs'}"] if lost else []
    losers += [f"{number(shared)} {'shares one' if shared == 1 else 'share one'} with others"] if shared else []
    if losers:
        text += f"; {' and '.join(losers)}"
    if forecast.negative_margins == 1:
        text += ". One class is assigned to another even at its own mean"
    elif forecast.negative_margins:
        text += f". {number(forecast.negative_margins)} classes are assigned to another even at their own mean"
    if forecast.solution.outcome in (Outcome.WIDTH_BINDS, Outcome.WIDTH_SPLITS) or _is_full(forecast):
        text = f"{text}. A width of {forecast.problem.width} holds no more directions"
        if not forecast.problem.is_plain_squared_error:
            return f"{text}."
        return f"{text}: with squared error the most frequent classes have them. Cross-entropy can tell more apart."
    if math.isnan(forecast.samples_needed):
        return f"{text}."
    needs = needs_words(forecast)
    return f"{text}. {needs[0].upper()}{needs[1:]} to keep its own."


def needs_words(forecast: Forecast) -> str:
    """How many samples a class needs, for a number that is known."""
    needed = forecast.samples_needed
    samples = "less than one sample" if needed < 1.0 else f"about {number(needed, 3)} samples"
    return f"{IN_THE_MEDIAN} a class needs {samples}" if forecast.has_own_paths else f"a class needs {samples}"


def _is_full(forecast: Forecast) -> bool:
    """Whether a numerical search has filled all that the width holds."""
    return forecast.solution.outcome is Outcome.BEST_FOUND and forecast.survivors == forecast.problem.width


def _what_to_do(forecast: Forecast) -> str:
    safe = forecast.largest_safe_weight_decay
    if safe is None:
        if forecast.has_critical_weight_decays:
            return f"To hold all directions the features must be at least {number(forecast.directions)} wide."
        return ""
    if forecast.survivors == forecast.directions:
        return f"The first direction would vanish at a weight decay of {safe_words(forecast)}{_between(forecast)}."
    return f"With a weight decay below {safe_words(forecast)}{_between(forecast)} every class would keep its own."


def safe_words(forecast: Forecast) -> str:
    """The largest safe weight decay, "about" it where it has no proof; a dash where it is not known."""
    about = "about " if forecast.is_safe_decay_estimated else ""
    return about + number(forecast.largest_safe_weight_decay, 3)


def _between(forecast: Forecast) -> str:
    """The interval of the largest safe weight decay, where a law has one."""
    if forecast.problem.law is None or forecast.band is None:
        return ""
    best, worst = (number(end.largest_safe_weight_decay, 3) for end in forecast.band)
    return f" ({worst} to {best} by its 90 % interval)"


def band_words(forecast: Forecast) -> str:
    """What the band of a forecast is the range of, after "within the"."""
    if forecast.problem.law is not None:
        return "90 % interval of the law"
    networks = forecast.problem.networks
    return "quartiles of the network's own feature decay" if networks is None else f"range of {networks.words}"


def law_words(forecast: Forecast) -> str:
    """What a calibrated forecast rests on, and how sure it is; empty for one before training."""
    law, measured = forecast.problem.law, forecast.problem.measured
    if law is None:
        if measured is None:
            return ""
        return (
            f"No law could be read off the network, so this rests on its feature decay, measured by {measured}, and on "
            "the model, which is often far off at other weight decays."
        )
    two = len(law.audited) == 2
    runs, whose = ("two runs", "the later one's") if two else ("one run", "its")
    rate = f"λ^{law.rise:.2f}"
    grows = f"what is lost grows like {rate}"
    # Of another loss than squared error two runs show themselves how it grows.
    if not two or forecast.problem.is_plain_squared_error:
        grows = (
            f"{whose} budget does not close, so what is lost is taken to grow at a usual rate, like {rate}"
            if law.decay_share is None
            else f"{grows}, as decay takes {law.decay_share:.0%} of it"
        )
    text = f"The law is read off {runs}: p = {law.power:.2f}, and {grows}.{_out_of_reach(forecast, law)}"
    unsure = forecast.directions_with("uncertain")
    if not unsure:
        return f"{text} Both ends of its 90 % interval say the same of every direction."
    return f"{text} {how_many(unsure, 'direction is', 'directions are')} uncertain: the 90 % interval has both answers."


def _out_of_reach(forecast: Forecast, law: StrengthLaw) -> str:
    """That a weight decay which the verdict names is farther above the audited one than a law is trusted."""
    problem, safe = forecast.problem, forecast.largest_safe_weight_decay
    first = problem.weight_decay[0]
    farthest = REACH * law.audited[-1] * first / problem.mean_decay
    if max(first, safe or 0.0) <= farthest:
        return ""
    return f" Above a weight decay of {number(farthest, 3)}, {REACH:g} times the audited one, it is a guess."


def networks_words(forecast: Forecast) -> str:
    """What a forecast before training rests on, and its range; empty for another."""
    networks = forecast.problem.networks
    if networks is None or forecast.band is None:
        return ""
    best, worst = (end.survivors for end in forecast.band)
    survive = f"{number(worst)} to {number(best)}" if worst < best else number(best)
    return (
        f"Of {networks.number} networks {_like(networks)}, on {how_many(networks.sources, 'set', 'sets')} of data, "
        f"four in five would keep {survive} of {number(forecast.directions)} directions. Train once, and an audit "
        "measures yours."
    )


def _like(networks: Networks) -> str:
    if networks.kind != ANY:
        return f"like yours ({networks.kind})"
    few = "" if networks.few_of is None else f" (too few of kind {networks.few_of} tell anything)"
    return f"of every kind{few}"


def _caveats(forecast: Forecast) -> str:
    text = " ".join([*forecast.doubts, law_words(forecast) or networks_words(forecast)]).strip()
    if forecast.by_ratio:
        text = (
            f"c = {number(forecast.problem.feature_ratio)} was given. The table shows the result for other values; an "
            "audit measures c."
        )
    if forecast.over_corrects:
        most, least = (number(float(forecast.geometry.group_margins[g]), 3) for g in (0, -1))
        text += f" On training samples the largest class has a smaller margin than the smallest ({most} and {least})"
        meant = forecast.smaller_margins_intended
        text += ", as intended: this loss decides best for balanced accuracy." if meant else "."
    if (not forecast.solution.converged and forecast.problem.law is None) or forecast.solution.outcome is Outcome.TIED:
        text = f"{text} Note: {forecast.solution.outcome.value}.".strip()
    if forecast.counts.unseen.size:
        text += f" {_unseen(forecast)}"
    return text


def _unseen(forecast: Forecast) -> str:
    """What becomes of classes without samples."""
    counts, bias = forecast.counts, forecast.geometry.bias
    one = counts.unseen.size == 1
    text = f"{how_many(counts.unseen.size, 'class has', 'classes have')} no samples"
    if np.isneginf(bias[counts.unseen]).any():
        whose, rows = ("its", "its row") if one else ("their", "their rows")
        return f"{text}: training shrinks {rows} to nothing and drives {whose} bias down for as long as it lasts."
    norms = forecast.geometry.unseen_norms
    if not norms.any():
        return f"{text}, and {'its row is' if one else 'their rows are'} zero."
    low, high = (number(float(norm), 3) for norm in (norms.min(), norms.max()))
    if one:
        return f"{text}, and its row has length {low}."
    return f"{text}: they share one row, of length {low}." if low == high else f"{text}, and rows {low} to {high} long."
