"""An audit of several labels a sample as plain numbers, lists and strings."""

from dataclasses import asdict

import numpy as np
from jaxtyping import Int

from penultimate.audits.label_audit import LabelAudit
from penultimate.report.kit.numbers import finite, plain
from penultimate.report.kit.samples import sample_records
from penultimate.report.label_audit.words import verdict
from penultimate.reported import Classes
from penultimate.version import __version__


def record(audit: LabelAudit, classes: Classes = "all") -> dict[str, object]:
    """An audit as a dictionary ready for JSON; what is not known is None."""
    targets, law, progress = audit.targets, audit.law, audit.progress
    return {
        "penultimate": __version__,
        "targets": {
            "labels": targets.labels,
            "samples": plain(targets.samples),
            "kind": targets.kind,
            "unlabelled": plain(targets.unlabelled),
        },
        "loss": audit.loss,
        "shares": dict(vars(audit.shares)),
        "strengths": {
            "alive": audit.alive,
            "off_diagonal_share": audit.off_diagonal_share,
            "law": None
            if law is None
            else {"layers": law.layers, "kappa": law.kappa, "error": law.error, "right": law.right, "fits": law.fits},
            "progress": None if progress is None else {"error": progress.error, "learnt": progress.learnt},
        },
        "directions": _directions(audit),
        "labels": label_records(audit, select(audit, classes)),
        "verdict": verdict(audit),
    }


def select(audit: LabelAudit, classes: Classes) -> Int[np.ndarray, " b"]:
    """The labels that features separate least; or all in their own order."""
    if classes == "all":
        return np.arange(audit.targets.labels)
    return audit.least_separated(0 if classes == "none" else classes)


def label_records(audit: LabelAudit, chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """One record for each of some labels."""
    names = audit.targets.names
    return [
        {
            **asdict(row),
            "samples": plain(row.samples),
            "worst_samples": sample_records(audit.worst, audit.places, names, index),
        }
        for index, row in zip(chosen.tolist(), audit.rows(chosen), strict=True)
    ]


def _directions(audit: LabelAudit) -> list[dict[str, object]]:
    sigma, strength = audit.spectrum.sigma, audit.strength
    law, progress = audit.followed, audit.progress
    return [
        {
            "sigma": float(sigma[i]),
            "strength": None if strength is None else finite(float(strength[i])),
            "expected": None if law is None else float(law.strength[i]),
            "half_at": None if progress is None else float(progress.half_at[i]),
        }
        for i in range(sigma.size)
    ]
