"""What an installation has, and what it lacks."""

from importlib import metadata

from rich.console import Console

from command import run
from penultimate import kernels
from penultimate.report import installation


def printed():
    console = Console(width=200)
    with console.capture() as text:
        console.print(installation.installation())
    return text.get()


def test_extras_are_those_of_the_project():
    known = installation.extras()
    assert {"report", "torch", "heads", "parquet"} <= known.keys() and "dev" not in known
    assert known["heads"] == ["scikit-learn"] and "distributed" not in known["dask"]


def test_what_is_missing_is_said_with_what_to_do(monkeypatch):
    def version(library):
        if library in ("pyarrow", "transformers"):
            raise metadata.PackageNotFoundError(library)
        return "1.0"

    monkeypatch.setattr(installation, "version", version)
    text = printed()
    assert "no pyarrow" in text and "pip install 'penultimate[parquet]'" in text
    assert "no transformers" in text and "pip install transformers" in text


def test_without_metadata_and_without_a_cache_it_says_so(monkeypatch):
    def none(*_):
        raise metadata.PackageNotFoundError("penultimate")

    monkeypatch.setattr(installation, "distribution", none)
    monkeypatch.setattr(kernels, "cache_folder", lambda: None)
    text = printed()
    assert "uninstalled" in text and "NUMBA_CACHE_DIR" in text


def test_the_command_says_where_kernels_are_kept(monkeypatch, capsys):
    status, out, err = run(monkeypatch, capsys, "doctor")
    assert status == 0 and not err and kernels.cache_folder() is not None and "kernels" in out


def test_the_shell_completes_commands(monkeypatch, capsys):
    monkeypatch.setenv("_PENULTIMATE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "penultimate fo")
    monkeypatch.setenv("COMP_CWORD", "1")
    _, out, _ = run(monkeypatch, capsys)
    assert "forecast" in out
