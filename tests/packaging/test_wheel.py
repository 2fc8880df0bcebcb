"""What users install: the built wheel has every file of the package and nothing else, and works from where it lies."""

import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.packaging import install

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "penultimate"
# Bundled counts and features for the first minute are nearly all of it.
MOST_BYTES = 6 << 20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_it_has_every_file_of_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as held:
        names = {name for name in held.namelist() if ".dist-info/" not in name}
    kept = {
        f"penultimate/{path.relative_to(SOURCE).as_posix()}"
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == kept and "penultimate/py.typed" in names
    assert wheel.stat().st_size < MOST_BYTES


def test_data_are_those_that_their_sources_name():
    """What is no code is there for a reason, and its licence is told."""
    for folder in (SOURCE / "data").iterdir():
        told = (folder / "SOURCES.md").read_text(encoding="utf-8")
        data = [path.name for path in folder.iterdir() if path.name != "SOURCES.md"]
        assert data and all(name in told for name in data)


def test_it_works_from_where_it_lies(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import penultimate; "
        "print(penultimate.__file__); from penultimate.cli import main; sys.argv = ['penultimate', 'data']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path)) and "lvis" in done.stdout


def test_every_extra_of_users_is_tried_before_a_release():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(install.USES) == {"", *project["optional-dependencies"]} - {"dev", "docs"}
    assert version("penultimate") == (SOURCE / "version.py").read_text().split('"')[-2]
