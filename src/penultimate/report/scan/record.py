"""A scan as plain numbers, lists and strings: what ``--json`` prints and what tables show."""

from typing import TYPE_CHECKING

from jaxtyping import Int
from numpy.typing import NDArray

from penultimate.report.kit.numbers import finite
from penultimate.report.scan.words import verdict
from penultimate.reported import Classes
from penultimate.version import __version__

if TYPE_CHECKING:
    import numpy as np

    from penultimate.scans.groups import Group
    from penultimate.scans.scan import Scan


def record(scan: "Scan", classes: Classes = "all") -> dict[str, object]:
    """A scan as a dictionary ready for JSON; `classes` is how many rows of each group are listed."""
    return {
        "penultimate": __version__,
        "head": {
            "name": scan.source,
            "classes": scan.classes,
            "dimension": scan.dimension,
            "dtype": scan.dtype,
            "rounding": scan.rounding,
            "bias": scan.bias is not None,
            "tied": scan.tied,
            "names": scan.named,
        },
        "groups": [_group(scan, group, classes) for group in scan.groups],
        "duplicates": [_named(scan, rows, classes) for rows in scan.duplicates],
        "zero": _named(scan, scan.zero, classes),
        "damaged": _named(scan, scan.damaged, classes),
        "runaway": _named(scan, scan.runaway, classes),
        "longest": [_long(scan, row) for row in scan.longest.tolist()],
        "tokenizer": _reach(scan, classes),
        "mean_row_share": finite(scan.mean_row_share),
        "verdict": verdict(scan),
    }


def _group(scan: "Scan", group: "Group", classes: Classes) -> dict[str, object]:
    bias = None if scan.bias is None else scan.bias[group.rows]
    return {
        "kind": group.kind.name.lower(),
        "meaning": group.kind.value,
        "size": group.rows.size,
        "equal": group.equal,
        **_named(scan, group.rows, classes),
        "nearly": _named(scan, group.nearly, classes),
        "centre_norm": group.centre_norm,
        "noise": group.noise,
        "isotropy": finite(group.isotropy),
        "shell": finite(group.shell),
        "evidence": group.evidence,
        "nearest_outside": finite(group.outside),
        "bias_mean": None if bias is None else finite(float(bias.mean())),
        "bias_spread": None if bias is None else finite(float(bias.std())),
    }


def _reach(scan: "Scan", classes: Classes) -> dict[str, object] | None:
    reach = scan.reach
    if reach is None:
        return None
    kinds = {"unreachable": reach.unreachable, "reachable": reach.reachable, "special": reach.special}
    kinds["untried"] = reach.untried
    return {"file": reach.tokenizer, **{kind: _named(scan, rows, classes) for kind, rows in kinds.items()}}


def _named(scan: "Scan", rows: "Int[np.ndarray, ' r'] | NDArray[np.int64]", classes: Classes) -> dict[str, object]:
    limit = rows.size if classes == "all" else 0 if classes == "none" else classes
    shown = rows[:limit].tolist()
    return {"rows": shown, "names": None if scan.names is None else [scan.names[row] for row in shown]}


def _long(scan: "Scan", row: int) -> dict[str, object]:
    return {
        "row": row,
        "name": None if scan.names is None else scan.names[row],
        "length": finite(float(scan.lengths[row])),
        "over_median": finite(float(scan.lengths[row]) / scan.typical) if scan.typical else None,
    }
