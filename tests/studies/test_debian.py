"""What the studies read of Debian: apt's lists, and a tree of pictures."""

import subprocess

import numpy as np
import pytest

from studies import debian

TOLD = """Package: eel
Depends: libc6
Description: a fish
 long and slippery
Description-md5: 0

Package: newt
Section: misc
Tag: pet,
 wet
Description-en: an animal

Package: bare

"""


def test_packages_have_a_name_a_line_and_the_fields_that_are_asked_for(monkeypatch):
    done = subprocess.CompletedProcess([], 0, TOLD)
    monkeypatch.setattr(debian.shutil, "which", lambda _: "apt-cache")
    monkeypatch.setattr(debian.subprocess, "run", lambda *_, **__: done)
    assert list(debian.packages("Depends", "Tag")) == [
        {"Package": "eel", "Depends": "libc6", "Description": "a fish"},
        {"Package": "newt", "Tag": "pet,\n wet", "Description": "an animal"},
        {"Package": "bare", "Description": ""},
    ]
    monkeypatch.setattr(debian.shutil, "which", lambda _: None)
    assert not list(debian.packages())


def test_stamps_are_on_white_and_know_their_folders(monkeypatch, tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "animals" / "fish").mkdir(parents=True)
    for path, alpha in (("animals/cat.png", 255), ("animals/fish/eel.png", 0)):
        image.new("RGBA", (8, 8), (255, 0, 0, alpha)).save(tmp_path / path)
    monkeypatch.setattr(debian, "STAMPS", tmp_path)
    pictures, folders = debian.stamps(4)
    assert folders == [("animals",), ("animals", "fish")]
    red = np.zeros((3, 4, 4)) + np.array([1, 0, 0])[:, None, None]
    np.testing.assert_array_equal(pictures.numpy(), [red, np.ones((3, 4, 4))])
