"""The surface that all results share: words, numbers, tables, charts, one page. A presenter is found by its name.

A result says ``class Forecast(Reported, presenter="forecast")`` and imports nothing of the report. When a part is asked
for, ``penultimate.report.forecast.words`` (or ``record``, ``table``, ``charts``, ``page``) is loaded, and nothing else;
`penultimate.report.presenter` holds the shape that each of them has.
"""

import dataclasses
import reprlib
from enum import Enum
from importlib import import_module
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, Literal, SupportsIndex

from penultimate.errors import MissingDependencyError, ProblemError
from penultimate.files import write_whole
from penultimate.optional import needed
from penultimate.trackers import send

if TYPE_CHECKING:
    import os

    import altair as alt
    from numpy.typing import NDArray
    from rich.console import Group

Classes = int | Literal["all", "none"]

# What the parts need that only the extra `report` brings, and what to call them.
_LIBRARIES = {"charts": ("altair",), "page": ("altair", "jinja2", "vl_convert")}
_CALLED = {"charts": "a chart", "page": "an HTML report"}


class Reported:
    """A result that can be read, drawn and written as one page; made by inheriting, with the name of its presenter.

    Two results are equal where they are the same object. Their numbers are compared as ``to_dict("all")``.
    """

    _presenter: ClassVar[str]

    def __init_subclass__(cls, *, presenter: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._presenter = presenter

    @property
    def verdict(self) -> str:
        """The result in a few plain sentences."""
        return self._part("words").verdict(self)

    def to_dict(self, classes: Classes | None = None) -> dict[str, object]:
        """Everything as plain numbers, lists and strings, ready for JSON; what does not exist is None.

        Parameters
        ----------
        classes : int, "all" or "none", optional
            How many classes to list, those to worry about first; "all" lists them in their own order. By default a
            forecast lists 20, and an audit all.

        Returns
        -------
        dict
            What each command prints with ``--json``.

        Raises
        ------
        ProblemError
            If `classes` is anything else.
        """
        return self._part("record").record(self, *_checked(classes))

    def to_frame(self, classes: Classes | None = "all", *, backend: str = "pandas") -> Any:
        """One row a class (or label, or group of classes) as a data frame; an interval is two columns.

        Parameters
        ----------
        classes : int, "all" or "none", default "all"
            As for `to_dict`.
        backend : {"pandas", "polars", "pyarrow"}, default "pandas"
            Whose data frame.

        Returns
        -------
        data frame
            With the names of `to_dict`; what does not exist is null.

        Raises
        ------
        ProblemError
            If the result lists no classes, or there is no such backend.
        MissingDependencyError
            Without the extra ``penultimate[report]``, or that library.
        """
        return import_module("penultimate.report.kit.frame").frame(self.to_dict(classes), backend)

    def log_to(
        self, run: object, step: SupportsIndex | None = None, classes: Classes = 20, *, prefix: str | None = None
    ) -> None:
        """Write the numbers of `to_dict` into a tracker of experiments, one figure a class as well.

        Parameters
        ----------
        run : object
            A TensorBoard ``SummaryWriter``; a run of Weights & Biases, trackio or MLflow, or one of these packages
            itself, for its active run; a logger of Lightning. Nothing is sent that the run would not send.
        step : int, optional
            Of the optimiser, or the number of the release.
        classes : int, "all" or "none", default 20
            As for `to_dict`. Curves over several steps want "all": the first twenty are others each time.
        prefix : str, optional
            Of the names; by default the kind of result, ``audit/``: ``audit/metrics/accuracy``,
            ``audit/classes/recall/newt``.

        Raises
        ------
        ProblemError
            For any other run, a step that is no whole number, and other `classes`.
        """
        numbers = import_module("penultimate.report.kit.figures").figures(self.to_dict(classes))
        before = f"{self._presenter}/" if prefix is None else prefix
        send(run, {f"{before}{name}": value for name, value in numbers.items()}, step)

    def table(self, classes: Classes | None = None) -> "Group":
        """Verdict, key figures and classes as a renderable of the library rich: ``rich.print(result.table())``.

        Parameters
        ----------
        classes : int, "all" or "none", optional
            As for `to_dict`; 20 by default.

        Returns
        -------
        rich.console.Group

        Raises
        ------
        ProblemError
            If `classes` is anything else.
        """
        return self._part("table").table(self, *_checked(classes))

    @property
    def charts(self) -> tuple[str, ...]:
        """Names of the charts that there are of this result: what `plot` takes.

        Raises
        ------
        MissingDependencyError
            Without the extra ``penultimate[report]``.
        """
        return tuple(self._part("charts").charts(self))

    def plot(self, chart: str) -> "alt.LayerChart | alt.VConcatChart | alt.HConcatChart":
        """Draw one chart.

        Parameters
        ----------
        chart : str
            One of `charts`.

        Returns
        -------
        altair chart

        Raises
        ------
        ProblemError
            If there is no such chart of this result; the error lists those there are.
        MissingDependencyError
            Without the extra ``penultimate[report]``.
        """
        charts = self._part("charts").charts(self)
        if chart not in charts:
            kind = type(self).__name__
            known = (
                f"choose one of {', '.join(charts)}" if charts else "it has none, and its verdict says what it lacks"
            )
            raise ProblemError(f"there is no chart {chart!r} of this {kind}: {known}")
        return charts[chart]()

    def report(self, path: "str | os.PathLike[str]") -> None:
        """Write one self-contained HTML file that opens without a network.

        Parameters
        ----------
        path : path-like
            The file; one that exists is replaced.

        Raises
        ------
        FileError
            If the file cannot be written; nothing is left half-written, and a file that was there stays as it was.
        MissingDependencyError
            Without the extra ``penultimate[report]``.
        """
        write_whole(path, page_of(self).whole())

    def _repr_html_(self) -> str | None:
        try:
            return self._part("page").summary(self)
        except MissingDependencyError:
            # A notebook then shows the line of `__repr__`.
            return None

    def __str__(self) -> str:
        return self.verdict

    def __repr__(self) -> str:
        counts: Any = getattr(self, "counts", None)
        size = "" if counts is None else f" of {counts.classes:,} classes and {counts.samples:,.6g} samples"
        return f"<{type(self).__name__}{size}: print it for its verdict>"

    def _part(self, part: str) -> Any:
        for library in _LIBRARIES.get(part, ()):
            needed(library, "report", _CALLED[part])
        return import_module(f"penultimate.report.{self._presenter}.{part}")


def page_of(result: Reported) -> Any:
    """The page of a result: whole for its report, or for a frame of another's.

    Parameters
    ----------
    result : Reported

    Returns
    -------
    penultimate.report.kit.html.Document

    Raises
    ------
    MissingDependencyError
        Without the extra ``penultimate[report]``.
    """
    return result._part("page").page(result)  # pyright: ignore[reportPrivateUsage]


class OneLine:
    """A record whose repr is one line, however large its arrays; made by inheriting, with ``dataclass(repr=False)``."""

    def __repr__(self) -> str:
        fields = dataclasses.fields(self)  # pyright: ignore[reportArgumentType]
        shown = (f"{field.name}={_SHORT.repr(getattr(self, field.name))}" for field in fields)
        return f"{type(self).__name__}({', '.join(shown)})"


class _Short(reprlib.Repr):
    """Arrays by type and shape, records within by their name, other values cut short."""

    def repr_ndarray(self, x: "NDArray[Any]", level: int) -> str:
        return f"{x.dtype}{[*x.shape]}"

    def repr_float(self, x: float, level: int) -> str:
        return f"{x:.6g}"

    def repr_instance(self, x: object, level: int) -> str:
        if isinstance(x, Enum):
            return str(x)
        return f"{type(x).__name__}(…)" if dataclasses.is_dataclass(x) else super().repr_instance(x, level)


_SHORT = _Short()


def _checked(classes: object) -> tuple[Classes, ...]:
    """The argument as presenters take it; nothing where they are to list what they list by default."""
    if classes is None:
        return ()
    if isinstance(classes, str):
        if classes == "all" or classes == "none":
            return (classes,)
    elif isinstance(classes, SupportsIndex) and not isinstance(classes, bool) and index(classes) >= 0:
        return (index(classes),)
    raise ProblemError(f"classes is {classes!r}: give how many to list, or 'all', or 'none'")
