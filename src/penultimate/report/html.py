"""The report: one HTML file that opens without a network, and the small table that notebooks show."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from penultimate import __version__
from penultimate.files import write_whole
from penultimate.forecasting import LOST, OWN, STATUSES, Forecast
from penultimate.report.charts import FORECAST_CHARTS
from penultimate.report.records import class_records
from penultimate.report.words import number

if TYPE_CHECKING:
    import os

# Rows of the table of classes; those of equal count share a row.
WORST = 50

# Heading of each chart and what to look for; the finding itself is in the chart's own title.
_HOW_TO_READ = {
    "counts": (
        "Class counts",
        "A dot is a class; classes of equal count share a dot, and a line spans their ranks. "
        "A class well above the survival line keeps a direction of its own.",
    ),
    "spectrum": (
        "Spectrum of the label matrix",
        "A dot is a direction that the class counts offer. Weight decay takes from all of them; those below the "
        "threshold get nothing.",
    ),
    "retained": (
        "What each class retains",
        "How much is left of the direction that sets a class apart from all others. At 1 the class has a place of its "
        "own; at 0 the features hold nothing that tells it from the other lost classes.",
    ),
    "cosines": (
        "Angles between class means",
        "Classes that kept their direction stand about at right angles or further apart. An amber block is a set of "
        "classes that the features no longer tell apart.",
    ),
    "sweep": (
        "Other weight decays",
        "Above: what would be left of some directions, from the strongest to the weakest. Below: how many of all "
        "directions would survive.",
    ),
}


@dataclass(frozen=True)
class Figure:
    """A chart as the template takes it."""

    key: str
    heading: str
    reading: str
    spec: dict[str, Any]


def write_report(forecast: Forecast, path: "str | os.PathLike[str]") -> None:
    """Write a forecast as one self-contained HTML file, whole or not at all.

    Parameters
    ----------
    forecast : Forecast
        What to report.
    path : path-like
        The file; one that exists is replaced.

    Raises
    ------
    FileError
        If the file cannot be written; nothing is left half-written, and a file that was there stays as it was.
    """
    write_whole(path, report_html(forecast))


def report_html(forecast: Forecast) -> str:
    """Return the report as text.

    Parameters
    ----------
    forecast : Forecast
        What to report.

    Returns
    -------
    str
        A whole HTML document that refers to nothing outside itself.
    """
    figures = [figure(key, *_HOW_TO_READ[key], FORECAST_CHARTS[key](forecast)) for key in forecast.charts]
    return _render("forecast.html.j2", forecast, figures=figures, classes=_worst(forecast), library=_javascript())


def summary_html(forecast: Forecast) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks.

    Parameters
    ----------
    forecast : Forecast
        What to sum up.

    Returns
    -------
    str
    """
    return _render("summary.html.j2", forecast)


def page(template: str, figures: list[Figure], **context: object) -> str:
    """Render a whole document that refers to nothing outside itself.

    Parameters
    ----------
    template : str
        Its name among this package's templates.
    figures : list of Figure
        Its charts.
    **context
        What else it shows.

    Returns
    -------
    str
    """
    return render(template, figures=figures, library=_javascript(), **context)


def render(template: str, **context: object) -> str:
    """Render one of this package's templates."""
    return _environment().get_template(template).render(context, version=__version__)


def figure(key: str, heading: str, reading: str, chart: "alt.LayerChart | alt.VConcatChart") -> Figure:
    """A chart as a template takes it."""
    # Validation against the schema takes longer than everything else; the tests do it.
    spec: dict[str, Any] = chart.to_dict(validate=False)
    # The address of the schema is never fetched, but a report should not hold one.
    spec.pop("$schema", None)
    return Figure(key, heading, reading, spec)


def _render(template: str, forecast: Forecast, **more: object) -> str:
    status = {name: forecast.classes_with(name) for name in STATUSES}
    shared: dict[str, object] = {"forecast": forecast, "status": status, "own": OWN, "lost": LOST}
    return render(template, **(shared | more))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("penultimate.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    # The filter `tojson` escapes <, >, & and ' as \u…, so that no string can end the script element it stands in.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment


def _worst(forecast: Forecast) -> list[dict[str, object]]:
    """List the groups that retain least, each by its first class, with how many more it has."""
    counts, chosen = forecast.counts, forecast.worst_groups(WORST)
    more = counts.multiplicity[counts.group[chosen]] - 1
    return [
        record | {"more": others} for record, others in zip(class_records(forecast, chosen), more.tolist(), strict=True)
    ]


@cache
def _javascript() -> Markup:
    """Return Vega, Vega-Lite and vega-embed as one script that is safe inside a script element."""
    wanted = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    known = wanted in vl_convert.get_vegalite_versions()
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=wanted if known else None)
    return Markup(bundle.replace("</script", r"<\/script").replace("<!--", r"<\!--"))
