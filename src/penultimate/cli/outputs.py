"""Where results go: looked at before any work is done, so that neither it nor an input is lost."""

import os
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import combinations
from typing import Any, cast

from penultimate.errors import ProblemError
from penultimate.files import check_writable

# Where JSON, or a page, printed among nothing else goes.
STDOUT = ("-", "/dev/stdout")
_OUTPUTS = {"json_path": "--json", "html_path": "--html", "junit_path": "--junit", "out": "--out"} | {
    "pos_weight": "--pos-weight"
}


def checked(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that looks first whether its outputs can be written, and are not what it reads.

    Parameters
    ----------
    command : callable
        Takes its options by name.

    Returns
    -------
    callable

    Raises
    ------
    ProblemError
        When two outputs are one file, or one is an input.
    FileError
        When one cannot be written.
    """

    @wraps(command)
    def checking(*arguments: Any, **options: Any) -> Any:
        _check(options)
        return command(*arguments, **options)

    return checking


def _check(options: dict[str, object]) -> None:
    outputs = {name: path for key, name in _OUTPUTS.items() if isinstance(path := options.get(key), str)}
    for (one, first), (other, second) in combinations(outputs.items(), 2):
        if os.path.realpath(first) == os.path.realpath(second) or {first, second} <= set(STDOUT):
            raise ProblemError(f"{one} and {other} both write {second!r}: give each a file of its own")
    read = [path for key, value in options.items() if key not in _OUTPUTS for path in _paths(value)]
    for name, path in outputs.items():
        if not path:
            raise ProblemError(f"{name} is empty, as where a shell variable is not set: give the name of a file")
        if path in STDOUT and name in ("--json", "--html"):
            continue
        if path == "-":
            raise ProblemError(f"{name} is not written to standard output: give the name of a file")
        if any(os.path.exists(one) and os.path.realpath(one) == os.path.realpath(path) for one in read):
            raise ProblemError(f"{name} {path!r} is what is read, and would be lost: give another name")
        check_writable(path)


def _paths(value: object) -> Iterator[str]:
    for one in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
        if isinstance(one, str) and one:
            yield one
