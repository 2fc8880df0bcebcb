"""Read thousands of spoilt files: each is understood, or refused as a PenultimateError, soon and in little memory.

    python -m tests.fuzz.run [--share 0.1] [--seed 0]

Every kind of file has a process of its own, with 1 GiB more memory than it takes to start, and each file five seconds
of CPU. They are forked, so that everything is imported once. A process that dies is a failure of the file it was at.
Spoilt files that failed are kept in ``--keep``.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import penultimate as pen
from tests.fuzz.areas import Area, areas

_SECONDS = 5.0
_BYTES = 1 << 30


class TooLong(BaseException):
    """A file took more than five seconds of CPU; no handler of errors takes it for damage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every area and print a table; the number of failures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the files, at least 20 for each area")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    options = parser.parse_args(arguments)
    print(f"{'area':<10} {'files':<14} {'inputs':>7} {'read':>7} {'refused':>8} {'failures':>9}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        known = areas(Path(folder))
        kinds = dict.fromkeys(area.kind for area in known)
        return sum(_report([area for area in known if area.kind == kind], Path(folder), options) for kind in kinds)


def _report(known: Sequence[Area], folder: Path, options: argparse.Namespace) -> int:
    """Run a kind in a process of its own, print a line for each of its areas, and count the failures."""
    kind, happened = known[0].kind, folder / f"{known[0].kind}.events"
    child = multiprocessing.get_context("fork").Process(target=_write, args=(known, folder, options, happened))
    child.start()
    child.join()
    lines = happened.read_text(encoding="utf-8").splitlines() if happened.exists() else []
    events = [json.loads(line) for line in lines if line.startswith("[")]
    failures = 0
    for suffix in dict.fromkeys(event[0] for event in events):
        inputs, read = (sum(event[:2] == [suffix, what] for event in events) for what in ("begun", "read"))
        failed = [event[2] for event in events if event[:2] == [suffix, "failed"]]
        if child.exitcode and suffix == events[-1][0]:
            failed.append(f"the process ended with {child.exitcode} at file {inputs - 1}")
        print(f"{kind:<10} {suffix:<14} {inputs:>7,} {read:>7,} {inputs - read - len(failed):>8,} {len(failed):>9,}")
        print("".join(f"    {line}\n" for line in failed), end="", flush=True)
        failures += len(failed)
    return failures + (child.exitcode != 0 and not events)


def _write(known: Sequence[Area], folder: Path, options: argparse.Namespace, happened: Path) -> None:
    with open(happened, "w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        _run(known, folder, options)


def _run(known: Sequence[Area], folder: Path, options: argparse.Namespace) -> None:
    """Try every file; a line of JSON for each that begins, is read, or fails."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, _too_long)
    for area in known:  # everything is imported and compiled before limits hold
        for content in area.seeds:
            for seed in range(4):
                _try(area, content, folder / f"warm{area.suffix}", random.Random(seed), seconds=0.0)
    _limit()
    for area in known:
        for number in range(max(20, round(options.share * area.number))):
            rng = random.Random(f"{options.seed} {area.kind} {area.suffix} {number}")
            content = area.spoil(rng.choice(area.seeds), rng)
            print(json.dumps([area.suffix, "begun"]), flush=True)
            found = _try(area, content, folder / f"file{number}{area.suffix}", rng)
            if found == "read":
                print(json.dumps([area.suffix, "read"]), flush=True)
            elif found:
                print(json.dumps([area.suffix, "failed", f"file {number}: {found}"]), flush=True)
                if options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / f"{area.kind}-{number}{area.suffix}").write_bytes(content)


def _try(area: Area, content: bytes, path: Path, rng: random.Random, *, seconds: float = _SECONDS) -> str:
    """Empty when the file was refused as it should be."""
    path.write_bytes(content)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        area.use(path, rng)
        return "read"
    except pen.PenultimateError as error:
        return "" if str(error) else "an error without words"
    except (Exception, TooLong) as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        path.unlink()


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if os.path.exists("/proc/self/statm") else 0
    if pages:
        most = pages * resource.getpagesize() + _BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _too_long(*_: object) -> None:
    raise TooLong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
