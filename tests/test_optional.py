import sys

import pytest

from penultimate.errors import MissingDependencyError
from penultimate.optional import needed


def test_names_the_library_the_purpose_and_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(MissingDependencyError) as caught:
        needed("altair", "report", "a chart")
    assert str(caught.value) == "a chart needs altair, which is not installed: pip install 'penultimate[report]'"


def test_says_the_name_that_people_know(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingDependencyError, match=r"needs scikit-learn, which is not installed"):
        needed("sklearn", "heads", "a head")


def test_one_that_is_there_but_broken_is_not_called_missing(monkeypatch, tmp_path):
    (tmp_path / "half_installed.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match=r"cannot be imported \(No module named 'nowhere_to_be_found'\)"):
        needed("half_installed", "report", "a chart")
