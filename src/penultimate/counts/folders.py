"""Counts from folders: one sub-folder a class, one file a sample; or YOLO labels.

Sub-folders called train, val, test, images, labels, annotations and the like are no classes. Where it is certain, the
reader goes into the one for training; where not, it names the path to give. In a class only files of one kind count,
the kind that most files of all classes are of (images, sounds, …): what lies beside them is left out, and said.
"""

import os
import re
from collections import Counter
from pathlib import Path
from typing import NoReturn

from penultimate.counts.counted import Counted, Wish, refuse_choices, sorted_labels
from penultimate.counts.yolo import is_yolo, read_yolo
from penultimate.errors import FileError

_TAIL = r"([-_ ]?(set|data|images|imgs|split|\d+))?"
_TRAIN = re.compile(rf"(.*[-_ ])?(train|training){_TAIL}", re.IGNORECASE)
_HELD_OUT = re.compile(rf"(.*[-_ ])?(val|valid|validation|test|testing|dev|eval){_TAIL}", re.IGNORECASE)
_PARTS = frozenset(
    "images imgs image jpegimages labels label annotations annotation annots anns masks mask imagesets segmentation "
    "segmentations segmentationclass segmentationobject parts attributes bboxes".split()
)
_NO_CLASSES = frozenset(
    "__macosx __pycache__ $recycle.bin @eadir lost+found readme docs doc license licenses metadata meta".split()
) | {"system volume information"}
_SYSTEM_FILES = frozenset(("thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "classes.txt", "readme", "readme.md"))

_KINDS = {
    "images": "jpg jpeg jpe jfif png bmp gif tif tiff webp ppm pgm pbm pnm heic heif avif jp2 tga exr",
    "sounds": "wav mp3 flac ogg opus m4a aac aif aiff",
    "videos": "mp4 avi mov mkv webm mpg mpeg m4v wmv",
    "volumes": "dcm nii mha mhd nrrd",
    "point clouds": "off ply obj stl pcd las laz xyz glb",
    "arrays": "npy npz pt pth mat h5 hdf5 tfrecord pkl",
    "texts": "txt md html htm eml",
}
_KIND_OF = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()}


def read_folder(path: Path, wish: Wish) -> Counted:
    """Count the files of each class.

    Parameters
    ----------
    path : Path
    wish : Wish
        Only its order matters.

    Returns
    -------
    Counted

    Raises
    ------
    FileError
        When its sub-folders are no classes; the message names the path to give.
    """
    refuse_choices("a folder", wish)
    labels = yolo_labels(path)
    if labels is not None:
        return read_yolo(labels, path)
    place = _classes_below(path)
    counts = {folder: _files_below(place / folder) for folder in _folders(place)}
    kinds: Counter[str] = Counter()
    for held in counts.values():
        kinds.update(held)
    order = [*_KINDS, *kinds]
    kind = max(kinds, key=lambda name: (kinds[name], -order.index(name)), default="")
    classes = [folder for folder, held in counts.items() if not held or kind in held]
    other = [folder for folder in counts if folder not in set(classes)]
    ordered = sorted_labels(classes, wish.order)
    origin = f"{kind if kind in _KINDS else 'files'} of each sub-folder of {place}"
    if ordered != sorted(classes):
        origin += ", in the order of their numbers (--order text for that of ImageFolder)"
    rest = sum(kinds.values()) - kinds[kind]
    if rest or other:
        origin += f"; left out {rest:,} files of other kinds" + (f", and {_listed(other)}" if other else "")
    return Counted([counts[folder][kind] for folder in ordered], ordered, origin)


def yolo_labels(path: Path) -> Path | None:
    """The folder with the labels of YOLO, where a folder has them: those for training, of several.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Path or None

    Raises
    ------
    FileError
        When it holds labels of several parts, and none can be told to be for training.
    """
    folders = {name.casefold(): name for name in _folders(path)}
    training = [folders[name] for name in folders if _TRAIN.fullmatch(name)]
    places: list[Path] = []
    if "labels" in folders:
        labels = path / folders["labels"]
        inside = [name for name in _folders(labels) if _TRAIN.fullmatch(name)]
        places = [labels / name for name in inside] or ([] if _splits(_folders(labels)) else [labels])
        if not places and is_yolo(labels):
            _refuse(path, [labels / name for name in _folders(labels)], "has no labels for training that can be told")
    places += [path / name / "labels" for name in training]
    if not folders or "obj_train_data" in folders:
        places.append(path / folders.get("obj_train_data", ""))
    found = [place for place in places if is_yolo(place)]
    if len(found) > 1:
        _refuse(path, found, "holds labels of several parts")
    return found[0] if found else None


def _classes_below(path: Path) -> Path:
    """The folder whose sub-folders are the classes."""
    folders = _folders(path)
    if not folders:
        raise FileError("the folder has no sub-folders: give one with a sub-folder for each class")
    splits = _splits(folders)
    parts = [name for name in folders if name.casefold() in _PARTS]
    training = [name for name in splits if _TRAIN.fullmatch(name)]
    rest = [name for name in folders if name not in splits and name not in parts]
    nested = [name for name in splits if _folders(path / name)]
    if rest and not parts and len(splits) == 1 and not nested:
        return path  # a class of that name: vehicles have trains
    if not splits and not parts:
        # One folder in which all lies, as archives are unpacked.
        inside = _folders(path / folders[0]) if len(folders) == 1 else []
        return _classes_below(path / folders[0]) if len(inside) > 1 else path
    if len(training) == 1 and not rest and _folders(path / training[0]):
        return _classes_below(path / training[0])
    images = [name for name in parts if name.casefold() in ("images", "imgs", "jpegimages", "image")]
    if not splits and len(images) == 1 and not rest and _folders(path / images[0]):
        return _classes_below(path / images[0])
    _refuse(
        path, [path / name for name in (*training, *nested, *images)], f"has {_listed([*splits, *parts])}, no classes"
    )


def _splits(folders: list[str]) -> list[str]:
    return [name for name in folders if _TRAIN.fullmatch(name) or _HELD_OUT.fullmatch(name)]


def _refuse(path: Path, places: list[Path], why: str) -> NoReturn:
    usable = [place for place in dict.fromkeys(places) if _folders(place) or is_yolo(place)]
    files = sorted(path.glob("annotations/*.json"), key=lambda file: ("train" not in file.name, file.name))
    advice = (
        f"give {' or '.join(map(str, (usable or files)[:3]))}" if usable or files else "give the folder of the classes"
    )
    raise FileError(f"the folder {why}: {advice}")


def _folders(path: Path) -> list[str]:
    with os.scandir(path) as entries:
        return sorted(e.name for e in entries if _shown(e) and e.is_dir() and e.name.casefold() not in _NO_CLASSES)


def _files_below(folder: Path) -> Counter[str]:
    """How many files of each kind there are.

    Links to files count, as data sets are often cut by links; links to folders below a class are not followed, for they
    may lead in circles.
    """
    kinds: Counter[str] = Counter()
    waiting = [os.fspath(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in filter(_shown, entries):
                if entry.is_file():
                    if entry.name.casefold() not in _SYSTEM_FILES:
                        kinds[_kind(entry.name)] += 1
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return kinds


def _kind(name: str) -> str:
    suffix = name.casefold().removesuffix(".gz").rpartition(".")[2] if "." in name else ""
    return _KIND_OF.get(suffix, suffix)


def _shown(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".")


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:4]))
    return shown + (f" and {len(names) - 4} more" if len(names) > 4 else "")
