"""Forecast, audit and mend the geometry that imbalanced classes force on a network's last layer.

``import penultimate as pen``; every public name is loaded when it is first used, so that the import itself costs
next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penultimate import datasets as datasets
    from penultimate import heads as heads
    from penultimate import losses as losses
    from penultimate import torch as torch
    from penultimate.advice.advice import Advice as Advice
    from penultimate.advice.advice import advise as advise
    from penultimate.audits.audit import Audit as Audit
    from penultimate.audits.audit import audit as audit
    from penultimate.audits.head import HeadAudit as HeadAudit
    from penultimate.audits.head import audit_head as audit_head
    from penultimate.counts import ClassCounts as ClassCounts
    from penultimate.errors import ClusterError as ClusterError
    from penultimate.errors import CountsError as CountsError
    from penultimate.errors import FeaturesError as FeaturesError
    from penultimate.errors import FileError as FileError
    from penultimate.errors import MissingDependencyError as MissingDependencyError
    from penultimate.errors import PenultimateError as PenultimateError
    from penultimate.errors import ProblemError as ProblemError
    from penultimate.features import metrics as metrics
    from penultimate.features.decisions import Decisions as Decisions
    from penultimate.features.head import Head as Head
    from penultimate.features.sources import ArraySource as ArraySource
    from penultimate.features.sources import open_features as open_features
    from penultimate.features.statistics import FeatureStatistics as FeatureStatistics
    from penultimate.forecasts.comparison import LossComparison as LossComparison
    from penultimate.forecasts.comparison import compare_losses as compare_losses
    from penultimate.forecasts.forecast import Forecast as Forecast
    from penultimate.forecasts.forecast import forecast as forecast
    from penultimate.forecasts.timeline import Timeline as Timeline
    from penultimate.heads.comparison.comparison import HeadComparison as HeadComparison
    from penultimate.heads.comparison.comparison import compare_heads as compare_heads
    from penultimate.minimisers import frames as frames
    from penultimate.minimisers.certificate import Certificate as Certificate
    from penultimate.minimisers.convex.deaths import CriticalDecay as CriticalDecay
    from penultimate.minimisers.convex.solution_path import SolutionPath as SolutionPath
    from penultimate.minimisers.convex.solution_path import solution_path as solution_path
    from penultimate.minimisers.descent import Descent as Descent
    from penultimate.minimisers.descent import descend as descend
    from penultimate.minimisers.minimising import minimise as minimise
    from penultimate.minimisers.solution import Outcome as Outcome
    from penultimate.minimisers.solution import Solution as Solution
    from penultimate.model.geometry import Factors as Factors
    from penultimate.model.geometry import Geometry as Geometry
    from penultimate.model.grouped_matrix import GroupedMatrix as GroupedMatrix
    from penultimate.model.problem import Problem as Problem
    from penultimate.spectrum.label_spectrum import LabelSpectrum as LabelSpectrum

from penultimate.version import __version__ as __version__

_MODULES = {
    "datasets": "datasets.bundled",
    "frames": "minimisers.frames",
    "heads": "heads",
    "losses": "losses",
    "metrics": "features.metrics",
    "torch": "torch",
}
_HOMES = {
    "Advice": "advice.advice",
    "ArraySource": "features.sources",
    "Audit": "audits.audit",
    "Certificate": "minimisers.certificate",
    "ClassCounts": "counts",
    "ClusterError": "errors",
    "LossComparison": "forecasts.comparison",
    "CountsError": "errors",
    "CriticalDecay": "minimisers.convex.deaths",
    "Decisions": "features.decisions",
    "Descent": "minimisers.descent",
    "Factors": "model.geometry",
    "FeatureStatistics": "features.statistics",
    "FeaturesError": "errors",
    "FileError": "errors",
    "Forecast": "forecasts.forecast",
    "Geometry": "model.geometry",
    "GroupedMatrix": "model.grouped_matrix",
    "Head": "features.head",
    "HeadAudit": "audits.head",
    "HeadComparison": "heads.comparison.comparison",
    "LabelSpectrum": "spectrum.label_spectrum",
    "MissingDependencyError": "errors",
    "Outcome": "minimisers.solution",
    "SolutionPath": "minimisers.convex.solution_path",
    "PenultimateError": "errors",
    "Problem": "model.problem",
    "ProblemError": "errors",
    "Solution": "minimisers.solution",
    "Timeline": "forecasts.timeline",
    "advise": "advice.advice",
    "audit": "audits.audit",
    "audit_head": "audits.head",
    "compare_losses": "forecasts.comparison",
    "compare_heads": "heads.comparison.comparison",
    "descend": "minimisers.descent",
    "forecast": "forecasts.forecast",
    "minimise": "minimisers.minimising",
    "open_features": "features.sources",
    "solution_path": "minimisers.convex.solution_path",
}

# A star leaves these out: it would import them, and fail where the libraries they need are not installed.
_OPTIONAL = ("torch", "heads", "HeadComparison", "compare_heads")
__all__ = ["__version__", *(name for name in (*_MODULES, *_HOMES) if name not in _OPTIONAL)]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"penultimate.{_MODULES[name]}")
    if name in _HOMES:
        return getattr(import_module(f"penultimate.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'penultimate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "torch"])
