"""Folders as people have them: data-set roots with splits, YOLO labels, files that are no samples."""

from pathlib import Path

import pytest

from penultimate.counts import ClassCounts
from penultimate.errors import PenultimateError

BOX = " 0.5 0.5 0.1 0.1\n"
YOLO = {"a.txt": "0" + BOX + "0" + BOX + "1" + BOX, "b.txt": "0" + BOX + "2" + BOX, "empty.txt": ""}
OBJECTS = {"cat": 3, "dog": 1, "eel": 1}
CATS_AND_DOGS = {"cat": 3, "dog": 1}


def images(**classes):
    return {f"{name}/{i}.png": "" for name, count in classes.items() for i in range(count)}


def below(folder, files):
    return {f"{folder}/{name}": text for name, text in files.items()}


TRAIN, HELD = images(cat=3, dog=1), images(cat=1, dog=1)
YAML = "path: .\nnc: 3\nnames: ['cat', 'dog', 'eel']\n"

# files, right value or words of the refusal
FOLDERS = {
    "10-train-val-test": ({**below("train", TRAIN), **below("val", HELD), **below("test", HELD)}, CATS_AND_DOGS),
    "10-capitals": ({**below("Training", TRAIN), **below("Validation", HELD)}, CATS_AND_DOGS),
    "10-sets": ({**below("training_set", TRAIN), **below("test_set", HELD)}, CATS_AND_DOGS),
    "10-years": ({**below("train2017", TRAIN), **below("val2017", HELD)}, CATS_AND_DOGS),
    "10-wrapped": ({**below("data/train", TRAIN), **below("data/dev", HELD)}, CATS_AND_DOGS),
    "10-images-within": ({**below("images/train", TRAIN), **below("images/val", HELD)}, CATS_AND_DOGS),
    "10-images": (below("images", TRAIN), CATS_AND_DOGS),
    "10-one-folder-within": (below("PetImages", TRAIN), CATS_AND_DOGS),
    "10-no-train": ({**below("val", HELD), **below("test", HELD)}, "{root}/test"),
    "10-train-beside-others": ({**below("train", TRAIN), **images(notebooks=1, other=2)}, "{root}/train"),
    "10-flat-splits": ({"train/1.png": "", "val/2.png": "", "test/3.png": ""}, "no classes"),
    "10-cub": ({**below("images", TRAIN), "attributes/a.txt": "", "other/b.txt": ""}, "{root}/images"),
    "10-coco": (
        {"train2017/1.jpg": "", "val2017/2.jpg": "", "annotations/instances_train2017.json": "{}"},
        "instances_train2017.json",
    ),
    "10-trains-and-cars": (images(train=2, car=3), {"car": 3, "train": 2}),
    "11-yolo": ({**below("labels", YOLO), "images/a.jpg": "", "images/b.jpg": "", "data.yaml": YAML}, OBJECTS),
    "11-yolo-splits": (
        {**below("labels/train", YOLO), **below("labels/val", YOLO), "images/train/a.jpg": "", "data.yaml": YAML},
        OBJECTS,
    ),
    "11-yolo-splits-first": (
        {**below("train/labels", YOLO), "train/images/a.jpg": "", **below("valid/labels", YOLO), "data.yaml": YAML},
        OBJECTS,
    ),
    "11-yolo-alone": ({**YOLO, "classes.txt": "cat\ndog\neel\n"}, OBJECTS),
    "11-yolo-without-names": (YOLO, {"0": 3, "1": 1, "2": 1}),
    "11-yolo-yaml-list": (
        {**below("labels", YOLO), "data.yaml": "names:\n- cat\n- dog\n- eel\n- yak\n"},
        {**OBJECTS, "yak": 0},
    ),
    "11-yolo-yaml-mapping": (
        {**below("labels", YOLO), "data.yaml": "names:\n  0: cat\n  1: 'dog'  # barks\n  2: eel\nnc: 3\n"},
        OBJECTS,
    ),
    "11-yolo-yaml-words": ({**below("labels", YOLO), "data.yaml": "names: [cat, dog,\n  eel]\n"}, OBJECTS),
    "11-yolo-polygons": ({"labels/a.txt": "0 0.1 0.1 0.2 0.2 0.3 0.3\n1 0.1 0.1 0.2 0.2 0.3 0.3\n"}, {"0": 1, "1": 1}),
    "11-yolo-too-few-names": ({**below("labels", YOLO), "data.yaml": "names: [cat]\n"}, "name all of them"),
    "11b-system-files": (
        {
            **TRAIN,
            "cat/Thumbs.db": "",
            "cat/desktop.ini": "",
            "dog/0.xml": "",
            "dog/.DS_Store": "",
            "__MACOSX/cat/._0.png": "",
            "README/README.md": "",
            "notes/a.docx": "",
        },
        CATS_AND_DOGS,
    ),
    "11b-jpg-and-png": ({"cat/1.JPG": "", "cat/2.jpeg": "", "dog/1.png": "", "dog/1.json": ""}, {"cat": 2, "dog": 1}),
    "11b-no-suffix": ({"spam/0001": "", "spam/0002": "", "ham/0003": ""}, {"ham": 1, "spam": 2}),
    "13-numbers": (images(**{"10": 1, "2": 3, "0": 2}), {"0": 2, "2": 3, "10": 1}),
    "13-wordnet": (images(n02=1, n01=3), {"n01": 3, "n02": 1}),
}


def build(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(("files", "right"), FOLDERS.values(), ids=FOLDERS)
def test_folder(tmp_path, files, right):
    root = build(tmp_path / "set", files)
    try:
        counts = ClassCounts.read(root)
    except PenultimateError as error:
        assert isinstance(right, str), str(error)
        assert right.format(root=root) in str(error)
        return
    assert list(zip(counts.names, counts.values.tolist(), strict=True)) == list(right.items()), counts.origin


def test_the_other_order_on_request(tmp_path):
    root = build(tmp_path / "set", images(**{"10": 1, "2": 3, "0": 2}))
    assert ClassCounts.read(root, order="text").names == ("0", "10", "2")
    assert "--order text" in ClassCounts.read(root).origin


def test_what_is_left_out_is_said(tmp_path):
    root = build(tmp_path / "set", {**TRAIN, "cat/a.xml": "", "notes/b.docx": ""})
    assert "left out 2 files of other kinds, and 'notes'" in ClassCounts.read(root).origin


def test_the_path_named_can_be_read(tmp_path):
    root = build(tmp_path / "set", {**below("val", HELD), **below("test", HELD)})
    assert ClassCounts.read(Path(root, "val")) == ClassCounts({"cat": 1, "dog": 1})
