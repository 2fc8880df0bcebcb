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
    from penultimate.advising import Advice as Advice
    from penultimate.advising import advise as advise
    from penultimate.auditing import Audit as Audit
    from penultimate.auditing import audit as audit
    from penultimate.comparing import Comparison as Comparison
    from penultimate.comparing import compare as compare
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
    from penultimate.features.readers import ArraySource as ArraySource
    from penultimate.features.readers import open_features as open_features
    from penultimate.features.statistics import FeatureStatistics as FeatureStatistics
    from penultimate.forecasting import Forecast as Forecast
    from penultimate.forecasting import forecast as forecast
    from penultimate.head_auditing import HeadAudit as HeadAudit
    from penultimate.head_auditing import audit_head as audit_head
    from penultimate.head_comparing import HeadComparison as HeadComparison
    from penultimate.head_comparing import compare_heads as compare_heads
    from penultimate.minimizers import frames as frames
    from penultimate.minimizers.certificate import Certificate as Certificate
    from penultimate.minimizers.convex.deaths import Death as Death
    from penultimate.minimizers.convex.path import Path as Path
    from penultimate.minimizers.convex.path import path as path
    from penultimate.minimizers.descent import Descent as Descent
    from penultimate.minimizers.descent import descend as descend
    from penultimate.minimizers.minimising import minimise as minimise
    from penultimate.minimizers.solution import Outcome as Outcome
    from penultimate.minimizers.solution import Solution as Solution
    from penultimate.model.geometry import Factors as Factors
    from penultimate.model.geometry import Geometry as Geometry
    from penultimate.model.grouped_matrix import GroupedMatrix as GroupedMatrix
    from penultimate.model.problem import Problem as Problem
    from penultimate.spectrum.label_spectrum import LabelSpectrum as LabelSpectrum
    from penultimate.timeline import Timeline as Timeline

__version__ = "0.1.0"

_MODULES = {
    "datasets": "datasets",
    "frames": "minimizers.frames",
    "heads": "heads",
    "losses": "losses",
    "metrics": "features.metrics",
    "torch": "torch",
}
_HOMES = {
    "Advice": "advising",
    "ArraySource": "features.readers",
    "Audit": "auditing",
    "Certificate": "minimizers.certificate",
    "ClassCounts": "counts",
    "ClusterError": "errors",
    "Comparison": "comparing",
    "CountsError": "errors",
    "Death": "minimizers.convex.deaths",
    "Decisions": "features.decisions",
    "Descent": "minimizers.descent",
    "Factors": "model.geometry",
    "FeatureStatistics": "features.statistics",
    "FeaturesError": "errors",
    "FileError": "errors",
    "Forecast": "forecasting",
    "Geometry": "model.geometry",
    "GroupedMatrix": "model.grouped_matrix",
    "Head": "features.head",
    "HeadAudit": "head_auditing",
    "HeadComparison": "head_comparing",
    "LabelSpectrum": "spectrum.label_spectrum",
    "MissingDependencyError": "errors",
    "Outcome": "minimizers.solution",
    "Path": "minimizers.convex.path",
    "PenultimateError": "errors",
    "Problem": "model.problem",
    "ProblemError": "errors",
    "Solution": "minimizers.solution",
    "Timeline": "timeline",
    "advise": "advising",
    "audit": "auditing",
    "audit_head": "head_auditing",
    "compare": "comparing",
    "compare_heads": "head_comparing",
    "descend": "minimizers.descent",
    "forecast": "forecasting",
    "minimise": "minimizers.minimising",
    "open_features": "features.readers",
    "path": "minimizers.convex.path",
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
