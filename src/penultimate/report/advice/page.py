"""The report of advice: one HTML file that opens without a network, and its small table for notebooks."""

from penultimate.advice.advice import Advice
from penultimate.advice.figures import Figures
from penultimate.advice.goals import NEAR, Goal
from penultimate.advice.status import Status
from penultimate.report.advice.charts import charts
from penultimate.report.advice.effects import changes, figure_cells, loss_cells
from penultimate.report.advice.record import too_small
from penultimate.report.advice.steps import head_gain
from penultimate.report.advice.words import STATUSES, paragraphs, pieces, verdict
from penultimate.report.kit.html import Document, Fact, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number, percent, points

# Rows of the table of classes that are too small, one for all of equal count.
_LISTED = 20

_READINGS = {
    "trade_off": Reading(
        "What frequent and rare classes trade",
        "Up: better for rare classes. Right: better for frequent ones. Where a curve turns back, directions that it "
        "should help vanish.",
    ),
    "survival": Reading(
        "Samples needed, before and after", "A class keeps its direction when its dot lies above the line."
    ),
    "margins": Reading("Margins before and after", "Which classes gain, and which pay for it."),
}
# The same chart where training margins are not the goal.
_UNJUDGED = Reading(
    "What frequent and rare classes trade",
    "Up: more for rare classes. Right: more for frequent ones. These are margins on training samples; the goal is not "
    "judged by them.",
)


def page(advice: Advice) -> Document:
    """Return the report."""
    readings = _READINGS | {"trade_off": _UNJUDGED} if advice.loss.goal is Goal.CONSISTENT else _READINGS
    small = [] if advice.samples.status is Status.KEEP else too_small(advice.samples, _LISTED)
    return Document(
        "advice.html.j2",
        {
            "kind": "advice",
            "title": "Advice",
            "counts": advice.counts,
            "sampled": "samples",
            "verdict": paragraphs(advice),
            "key_figures": key_figures(advice),
            "pieces": pieces(advice),
            "effects": [(name, figure_cells(Figures.from_forecast(forecast))) for name, forecast in changes(advice)],
            "figures": [figure(key, readings[key], draw) for key, draw in charts(advice).items()],
            "losses": loss_cells(advice),
            "small": small,
            "method": _method(advice),
        },
    )


def summary(advice: Advice) -> str:
    """Return the pieces as a small HTML table, without scripts, for notebooks."""
    rows = [(f"{piece.topic.lower()}: {piece.status}", piece.text) for piece in pieces(advice)]
    return notebook(f"Advice for {number(advice.counts.classes)} classes", rows, verdict(advice))


def key_figures(advice: Advice) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    decay, loss, samples, width = advice.decay, advice.loss, advice.samples, advice.width
    gain = head_gain(advice)
    measured = ("Head", "–", "not measured") if gain is None else ("Head", f"{points(gain[0])} points", "held out")
    added = f"more, to bring every class to {number(samples.floor)}" if samples.floor else "enough, or not known"
    return [
        measured,
        ("Weight decay", number(decay.advised, 3), f"or less; now {number(decay.in_use)}"),
        ("Loss", STATUSES[loss.status], loss.chosen or f"now {advice.forecast.problem.loss}"),
        ("Samples", number(samples.total) if samples.floor else "–", added),
        ("Width", number(width.needed), f"needed; now {number(width.in_use) if width.in_use else 'not known'}"),
        ("Directions", f"{number(decay.before.survivors)} of {number(decay.before.directions)}", "survive now"),
    ]


def _method(advice: Advice) -> list[Fact]:
    problem, loss = advice.forecast.problem, advice.loss
    decay = number(problem.resolved_feature_decay(advice.counts.samples), 3)
    near = f"less than {percent(NEAR)} is missing"
    if loss.goal is Goal.CONSISTENT:
        near = f"no class is favoured over another by more than {percent(NEAR)}"
    thirds = "the third of the classes with most samples; rare: the third with fewest"
    return [
        ("problem", f"{problem.layers} layer(s), loss {problem.loss}, bias {problem.bias}"),
        ("feature decay", f"{decay} ({problem.feature_decay_source})"),
        ("frequent classes", thirds),
        ("goal", f"{loss.goal.value}; counts as reached where {near}"),
        ("searched", f"{number(loss.searched)} of {number(advice.counts.distinct.size)} distinct counts"),
        (
            "samples used",
            "(Σ n ω)² / (N Σ n ω²) for class weights ω: the share of samples that weighted data are worth; 1 without",
        ),
        (
            "cost",
            "share of the margin of frequent classes, at equal strength, that is given up compared with the plain loss",
        ),
        ("safety factor", "how many times the samples it needs the weakest class has"),
    ]
