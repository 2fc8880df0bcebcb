"""What is set on the page, or stands in a link to it: texts that become class counts and what a forecast takes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from penultimate.app.uploads import read_counts
from penultimate.counts import ClassCounts
from penultimate.counts.bundled import bundled_counts
from penultimate.errors import CountsError, ProblemError
from penultimate.model.networks import ANY
from penultimate.model.problem import Bias

VIEWS = ("forecast", "losses", "advice", "files")
SOURCES = ("bundled", "profile", "text")
PROFILES = ("exponential", "step", "zipf")
# What is done with files.
TASKS = {
    "audit": "Audit of a trained network",
    "drift": "Drift between two sets of features",
    "learning-curve": "Learning curves of classes",
    "scan": "Scan of a last layer",
    "labels": "Forecast of several labels a sample",
}
# More than any page shows well; the commands take millions.
MOST_CLASSES = 100_000
# Settings whose spaces count.
_AS_TYPED = ("text", "separator")
# In place of a kind of networks: the feature decay by its ratio c, or a network that was audited.
RATIO, AUDITED = "ratio", "audited"


@dataclass(frozen=True)
class Settings:
    """What the page asks for, every field as the text that was typed.

    Attributes
    ----------
    view : str
        One of `VIEWS`.
    source : str
        Where counts come from: one of `SOURCES`.
    bundled : str
        Name of bundled counts.
    profile, classes, largest, ratio : str
        Of a long tail.
    text, holds : str
        What was typed, pasted or read from a file, and whether it holds counts or labels, where that is said.
    loss, losses : str
        By name; for a comparison several, with commas between them.
    weight_decay, layers, bias, width : str
        Of the network; width may be empty.
    networks, feature_ratio : str
        Whose features it has: those of a kind of trained networks, of any kind, by the ratio c, or of an audited one.
    task : str
        What is done with files, of `TASKS`.
    first, second : str
        Names of bundled features in place of a file.
    separator : str
        What stands between the labels of a text.
    """

    view: str = "forecast"
    source: str = "bundled"
    bundled: str = "lvis"
    profile: str = "exponential"
    classes: str = "100"
    largest: str = "500"
    ratio: str = "100"
    text: str = ""
    holds: str = ""
    loss: str = "mse"
    losses: str = "ce, la:1, weighted:inverse"
    weight_decay: str = "1e-4"
    layers: str = "1"
    bias: str = "free"
    width: str = ""
    networks: str = ANY
    feature_ratio: str = "1"
    task: str = "audit"
    first: str = "cnn-mse"
    second: str = ""
    separator: str = ""

    @classmethod
    def given(cls, values: Mapping[str, Any]) -> "Settings":
        """Settings by name; those that are left out are as by default.

        Parameters
        ----------
        values : mapping of str to str

        Returns
        -------
        Settings

        Raises
        ------
        ProblemError
            For a name that does not exist, and for a value that is no text.

        Examples
        --------
        >>> Settings.given({"bundled": "wordnet"}).read_counts().classes
        45
        """
        known = [field.name for field in fields(cls)]
        for name, value in values.items():
            if name not in known:
                raise ProblemError(f"there is no setting {name!r}: the link is damaged; those there are: {known}")
            if not isinstance(value, str):
                raise ProblemError(f"the setting {name!r} is no text: the link is damaged")
        return cls(**{name: value if name in _AS_TYPED else value.strip() for name, value in values.items()})

    def read_counts(self) -> ClassCounts:
        """The class counts that are set.

        Raises
        ------
        CountsError, FileError, ProblemError
            When there are no such counts, or too many classes for a page.
        """
        _one_of(self.source, SOURCES, "the source of counts")
        if self.source == "bundled":
            return bundled_counts(self.bundled)
        if self.source == "text":
            return _typed(self.text, self.holds)
        return _long_tail(self.profile, self.classes, self.largest, self.ratio)

    def decay(self) -> float:
        """The weight decay."""
        return _number(self.weight_decay, "the weight decay")

    def compared(self) -> list[str]:
        """The losses to compare."""
        return [name for part in self.losses.split(",") if (name := part.strip())]

    def options(self) -> dict[str, Any]:
        """What is not as by default, by the names that `penultimate.forecast` and its fellows have for it.

        Raises
        ------
        ProblemError
            For what is no number where one is needed.
        """
        found: dict[str, Any] = {} if self.view == "losses" else self._layers()
        if self.bias != "free":
            found["bias"] = self._bias()
        if self.networks == RATIO:
            found["feature_ratio"] = _number(self.feature_ratio, "the ratio c")
        elif self.networks not in (ANY, AUDITED):
            found["like"] = self.networks
        return found

    def _layers(self) -> dict[str, Any]:
        """What a comparison does not take."""
        found: dict[str, Any] = {"loss": self.loss}
        if self.layers != "1":
            found["layers"] = _whole(self.layers, "the number of layers")
        if self.width:
            found["width"] = _whole(self.width, "the width")
        return found

    def _bias(self) -> Bias:
        return "none" if self.bias == "none" else _number(self.bias, "the bias ('free', 'none' or its decay)")


# A slider of the network leaves the counts as they are.
@lru_cache(1)
def _typed(text: str, holds: str) -> ClassCounts:
    if not text.strip():
        raise CountsError("there are no counts yet: paste a table, or choose a file")
    return _not_too_many(read_counts("your counts", text.encode(errors="surrogatepass"), holds))


@lru_cache(1)
def _long_tail(profile: str, classes: str, largest: str, ratio: str) -> ClassCounts:
    size = _whole(classes, "the number of classes")
    top, imbalance = _number(largest, "the largest count"), _number(ratio, "the imbalance ratio")
    _one_of(profile, PROFILES, "the profile")
    if size > MOST_CLASSES:
        raise CountsError(_too_many(size))
    return ClassCounts.long_tailed(size, top, imbalance, profile)  # pyright: ignore[reportArgumentType]


def _one_of(value: str, known: tuple[str, ...], what: str) -> None:
    if value not in known:
        raise ProblemError(f"{what} is {value!r}: choose one of {', '.join(known)}")


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ProblemError(f"{what} is {text!r}: give a number, such as 5e-4")
    return value


def _whole(text: str, what: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise ProblemError(f"{what} is {text!r}: give a whole number")
    return int(text)


def _not_too_many(counts: ClassCounts) -> ClassCounts:
    if counts.classes > MOST_CLASSES:
        raise CountsError(_too_many(counts.classes))
    return counts


def _too_many(classes: int) -> str:
    return f"{classes:,} classes are more than the {MOST_CLASSES:,} that the page takes: use `penultimate forecast`"
