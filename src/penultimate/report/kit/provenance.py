"""Where the numbers of a page come from: the formula, the versions, and the command that was typed."""

import platform
from contextvars import ContextVar

import numpy as np
import scipy

from penultimate.version import __version__

# What was typed, where a command makes the page.
command: ContextVar[str | None] = ContextVar("command", default=None)

# One line a kind of page; docs/theory has the derivations, and what each was held against.
_FORMULAS = {
    "forecast": "min over W, H, b of loss + λ‖W‖²/2 + λ_H‖H‖²/2; with squared error and one layer a direction of the "
    "label matrix keeps max(0, σ − N √(λ λ_H)) of its σ (theory §3 to §5)",
    "narrow-forecast": "the minimum at full width, each margin z₀ raised to z = z₀ + v z²/4, v = (K − d)/(d (K − 1)), "
    "or the law for features of one length; the bound is the full width's (theory §11)",
    "comparison": "min over W, H, b of each loss + λ‖W‖²/2 + λ_H‖H‖²/2 (theory §4, §5)",
    "audit": "T = Uᵀ W M diag(√n) V along the singular vectors of the label matrix, which is diagonal at a minimum; "
    "margin = score of the sample's class − the highest other score (theory §6, §12)",
    "head-audit": "rows of W along the left singular vectors of the label matrix, beside the forecast (theory §4, §6)",
    "row-audit": "the minimum for many more classes than dimensions (theory §11)",
    "scan": "rows near one path that untrained rows share, told from trained ones at a valley (theory §8)",
    "label-forecast": "min over W, H, b of loss + decays; with squared error a direction of the label scatter keeps "
    "max(0, s − N √(λ λ_H)) of its s (theory §16, §17)",
    "label-audit": "T = Uᵀ W C U diag(1/s) along the directions of the label scatter (theory §16, §20)",
    "learning_curve": "change of the recalls of Gaussian scores under a ridge head's law (theory §9)",
    "drift": "shift of a class mean in the span of its neighbours, over the distance to the nearest (Welch's test)",
}


def provenance(kind: str) -> list[tuple[str, str]]:
    """Facts about how a page of this kind was made."""
    versions = f"penultimate {__version__}, Python {platform.python_version()}, NumPy {np.__version__}"
    facts = [("Formula", _FORMULAS[kind])] if kind in _FORMULAS else []
    facts.append(("Versions", f"{versions}, SciPy {scipy.__version__}"))
    typed = command.get()
    return facts if typed is None else [*facts, ("Command", typed)]
