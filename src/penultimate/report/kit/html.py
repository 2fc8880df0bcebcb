"""Pages that open without a network, and the small tables that notebooks show: what all reports share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, cast

import altair as alt
import vl_convert
from altair.utils.schemapi import debug_mode
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from penultimate.report.kit.chart_style import AnyChart
from penultimate.report.kit.numbers import number
from penultimate.report.kit.provenance import provenance
from penultimate.version import __version__

# A name and its value, and a key figure with a remark below it.
Fact = tuple[str, str]
KeyFigure = tuple[str, str, str]


@dataclass(frozen=True)
class Reading:
    """What a report says around a chart; the finding itself is in the chart's own title.

    Attributes
    ----------
    heading : str
        What the chart is of.
    text : str
        What to look for in it.
    wide : bool
        Whether it takes the whole width of the page.
    """

    heading: str
    text: str
    wide: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart as the templates take it, drawn when its spec is asked for.

    Attributes
    ----------
    key : str
        Its name within the page.
    heading, reading : str
        What the page says around it.
    wide : bool
        Whether it takes the whole width of the page.
    draw : callable
        What makes the chart.
    """

    key: str
    heading: str
    reading: str
    wide: bool
    draw: Callable[[], AnyChart]

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The chart for Vega-Lite."""
        # Validation against the schema takes longer than everything else; the tests do it.
        with debug_mode(False):
            spec: dict[str, Any] = self.draw().to_dict(validate=False)
        # The address of the schema is never fetched, but a report should not hold one.
        spec.pop("$schema", None)
        return spec


def figure(key: str, reading: Reading, draw: Callable[[], AnyChart]) -> Figure:
    """Return a chart with what a page says around it.

    Parameters
    ----------
    key : str
        Its name within the page.
    reading : Reading
        Heading and text.
    draw : callable
        What makes the chart.

    Returns
    -------
    Figure
    """
    return Figure(key, reading.heading, reading.text, reading.wide, draw)


def laid_out(figures: Sequence[Figure]) -> list[tuple[Figure, str]]:
    """Each chart with the place it takes in rows of two: half of one, all of it, or all for want of a neighbour.

    Parameters
    ----------
    figures : sequence of Figure
        In their order.

    Returns
    -------
    list of (Figure, str)
        The second is "half", "wide" or "alone".
    """
    out: list[tuple[Figure, str]] = []
    beside = False
    for place, one in enumerate(figures):
        ends = place + 1 == len(figures) or figures[place + 1].wide
        how = "wide" if one.wide else "alone" if ends and not beside else "half"
        beside = how == "half" and not beside
        out.append((one, how))
    return out


@dataclass(frozen=True)
class Document:
    """What a page shows, as a file of its own or within another page.

    Attributes
    ----------
    template : str
        Its name; it extends ``base.html.j2``, which says what values it needs.
    values : mapping
        What it shows; every string is escaped.
    """

    template: str
    values: Mapping[str, Any]

    @property
    def figures(self) -> Sequence[Figure]:
        """The charts, in their order."""
        return self.values["figures"]

    def whole(self) -> str:
        """HTML that refers to nothing outside itself."""
        return self._rendered(whole=True, library=javascript(), version=__version__)

    def within(self) -> str:
        """HTML from the verdict on, for a page that brings its own frame and draws the charts."""
        return self._rendered(whole=False)

    def _rendered(self, *, whole: bool, **how: object) -> str:
        return (
            _environment()
            .get_template(self.template)
            .render({**self.values, "method": self._method(whole), "whole": whole, **how})
        )

    def _method(self, whole: bool) -> list[Fact]:
        """How the page was computed; what takes long to say, a function, is left to whole pages."""
        own: Sequence[Fact] | Callable[[], Sequence[Fact]] = self.values.get("method", ())
        said = own if not callable(own) else own() if whole else ()
        return [*said, *provenance(self.values["kind"])] if whole else [*said]


def notebook(caption: str, rows: list[Fact], verdict: str) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks.

    Parameters
    ----------
    caption : str
        Of the table.
    rows : list of tuple of str
        Names and values.
    verdict : str
        Below the table.

    Returns
    -------
    str
    """
    return _environment().get_template("summary.html.j2").render(caption=caption, rows=rows, verdict=[verdict])


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("penultimate.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    cast("dict[str, object]", environment.globals)["laid_out"] = laid_out
    # The filter `tojson` escapes <, >, & and ' as \u…, so that no string can end the script element it stands in.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment


@cache
def javascript() -> Markup:
    """Return Vega, Vega-Lite and vega-embed as one script that is safe inside a script element."""
    wanted = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    known = wanted in vl_convert.get_vegalite_versions()
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=wanted if known else None)
    return Markup(bundle.replace("</script", r"<\/script").replace("<!--", r"<\!--"))
