"""An audit of a head with more classes than d + 1 as plain numbers, lists and strings."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from penultimate.audits import keys
from penultimate.report.kit.head_noise import noise_record
from penultimate.report.kit.numbers import finite, plain
from penultimate.report.scan.record import record as scan_record
from penultimate.reported import Classes
from penultimate.version import __version__

if TYPE_CHECKING:
    from penultimate.audits.row_audit import RowAudit
    from penultimate.audits.row_lengths import Explained


def record(audit: "RowAudit", classes: Classes = "all") -> dict[str, object]:
    """The audit as a dictionary ready for JSON; what is not a finite number is None."""
    head = audit.head
    return {
        keys.VERSION: __version__,
        keys.COUNTS: {**audit.counts.to_dict(), "proxy": audit.proxy_counts},
        keys.HEAD: {
            keys.CLASSES: head.classes,
            keys.DIMENSION: head.dimension,
            "layers": len(head.weights),
            "dtype": audit.scan.dtype,
            "bias": head.bias is not None,
        },
        "scan": scan_record(audit.scan),
        "kept": audit.kept.size,
        "mean_row_share": finite(audit.mean_row_share),
        keys.LENGTHS: _lengths(audit),
        "spectrum": {
            "from_flat": finite(audit.from_flat),
            "from_equal_lengths": finite(audit.from_equal_lengths),
            "participation": finite(audit.participation),
            "measured": audit.singular_values.tolist(),
        },
        "noise": noise_record(audit.rows.noise),
        "width": _width(audit),
        "longest": class_records(audit, audit.longest),
        "shortest": class_records(audit, audit.shortest),
        keys.CLASSES: class_records(audit, select_classes(audit, classes)),
        "notes": list(audit.notes),
        "verdict": audit.verdict,
    }


def class_records(audit: "RowAudit", chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """One record for each of some classes; a row that was left out has no length."""
    return [
        {
            keys.CLASS: str(audit.counts.names[index]),
            keys.COUNT: plain(float(audit.counts.values[index])),
            "head_norm": finite(float(audit.norms[index])),
            "law_norm": finite(float(audit.law_norms[index])),
        }
        for index in chosen.tolist()
    ]


def select_classes(audit: "RowAudit", classes: Classes) -> Int[np.ndarray, " b"]:
    """Classes to show: those of most unusual length, all in their own order, or none."""
    if classes == "all":
        return np.arange(audit.counts.classes)
    typical = float(np.median(audit.rows.norms))
    unusual = np.nan_to_num(np.abs(audit.norms - typical), nan=-1.0)
    return np.argsort(-unusual, kind="stable")[: 0 if classes == "none" else classes]


def _lengths(audit: "RowAudit") -> dict[str, object] | None:
    found = audit.lengths
    if found is None:
        return None
    return {
        "classes": found.lengths.size,
        "explained": found.explained,
        "blind_error": found.blind_error,
        "slope": finite(found.slope),
        "law": _explained(found.law),
        "best": _explained(found.best),
    }


def _explained(found: "Explained") -> dict[str, object]:
    return {"error": found.error, "share": found.share, "interval": list(found.interval)}


def _width(audit: "RowAudit") -> dict[str, object] | None:
    found = audit.width
    if found is None:
        return None
    return {
        "weight_decay": found.weight_decay,
        "ratio": found.ratio,
        "margin": finite(found.margin),
        "share": finite(found.share),
        "near_death": found.near_death,
        "meaning": found.width.value,
    }
