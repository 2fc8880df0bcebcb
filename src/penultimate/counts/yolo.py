"""Counts from folders of YOLO labels: one text file an image, one line an object, the class first."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from penultimate.counts.counted import Counted
from penultimate.errors import FileError

_LINE = re.compile(r"\d+(?:\s+[-+]?[\d.]+(?:e[-+]?\d+)?){4,}\s*", re.IGNORECASE)
_NAME_FILES = ("classes.txt", "obj.names", "labels.txt", "classes.names", "predefined_classes.txt")


def is_yolo(folder: Path) -> bool:
    """Whether the text files of a folder are labels of objects.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    bool
    """
    if not folder.is_dir():
        return False
    for path in islice(_label_files(folder), 50):
        with path.open(encoding="utf-8", errors="replace") as file:
            line = next((line for line in file if line.strip()), None)
        if line is not None:
            return _LINE.fullmatch(line.rstrip("\n")) is not None
    return False


def read_yolo(folder: Path, root: Path) -> Counted:
    """Count the objects of each class.

    Parameters
    ----------
    folder : Path
        With the text files, in or below it.
    root : Path
        Of the data set, where ``data.yaml`` or ``classes.txt`` may name the classes.

    Returns
    -------
    Counted

    Raises
    ------
    FileError
        When a line is no object, or there are fewer names than classes.
    """
    counts: Counter[int] = Counter()
    for objects in objects_of_images(folder):
        counts.update(objects)
    highest = max(counts, default=-1)
    names = names_of_classes(folder, root, highest)
    total = highest + 1 if names is None else len(names)
    return Counted([counts[k] for k in range(total)], names, f"objects of each class in YOLO labels below {folder}")


def objects_of_images(folder: Path) -> Iterator[list[int]]:
    """The class of each object, one list an image.

    Parameters
    ----------
    folder : Path
        With the text files, in or below it.

    Yields
    ------
    list of int

    Raises
    ------
    FileError
        When a line is no object.
    """
    for path in _label_files(folder):
        objects: list[int] = []
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    if _LINE.fullmatch(line.rstrip("\n")) is None:
                        raise FileError(f"{path}, line {number}: this is no YOLO label (class x y width height)")
                    objects.append(int(line.split(None, 1)[0]))
        yield objects


def names_of_classes(folder: Path, root: Path, highest: int) -> Sequence[str] | None:
    """Names of the classes, where ``data.yaml`` or ``classes.txt`` has them.

    Parameters
    ----------
    folder, root : Path
        As for `read_yolo`.
    highest : int
        The highest class that occurs.

    Returns
    -------
    sequence of str, or None

    Raises
    ------
    FileError
        When there are fewer names than classes.
    """
    names = _names(folder, root)
    if names is not None and highest >= len(names):
        raise FileError(f"an object has class {highest}, and {len(names)} classes are named: name all of them")
    return names


def _label_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.txt")) if path.name not in _NAME_FILES)


def _names(folder: Path, root: Path) -> Sequence[str] | None:
    for place in dict.fromkeys((root, folder, folder.parent, root.parent)):
        for path in sorted(place.glob("*.y*ml")):
            names = _yaml_names(path.read_text(encoding="utf-8", errors="replace"))
            if names:
                return names
        for name in _NAME_FILES:
            if (place / name).is_file():
                lines = (place / name).read_text(encoding="utf-8-sig").splitlines()
                return [line.strip() for line in lines if line.strip()]
    return None


def _yaml_names(text: str) -> list[str] | None:
    """The entry ``names`` of a data.yaml: a list or a mapping of numbers to names, in one line or in several."""
    whole = re.search(r"^names\s*:\s*(\[.*?\]|\{.*?\})", text, re.MULTILINE | re.DOTALL)
    if whole is not None:
        return _flow(whole[1])
    lines = iter(text.splitlines())
    if not any(re.match(r"names\s*:\s*(#.*)?$", line) for line in lines):
        return None
    entries: list[tuple[int, str]] = []
    for line in lines:
        found = re.match(r"\s*(?:-|(?P<id>\d+)\s*:)\s*(?P<name>.*?)\s*(?:\s#.*)?$", line)
        if found is None:
            if line.strip() and not line.lstrip().startswith("#"):
                break
            continue
        entries.append((len(entries) if found["id"] is None else int(found["id"]), found["name"].strip("'\"")))
    return [name for _, name in sorted(entries)]


def _flow(text: str) -> list[str]:
    try:
        held = ast.literal_eval(text)
    except (ValueError, SyntaxError):  # words without quotes
        parts = [part.strip() for part in text[1:-1].replace("\n", " ").split(",") if part.strip()]
        return [part.partition(":")[2].strip() or part for part in parts] if text[0] == "{" else parts
    if isinstance(held, dict):
        return [str(held[key]) for key in sorted(held)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return [str(name) for name in held]
