"""Array shapes and types, as annotated, are checked while the tests run (helpers/typecheck.py).

Left alone are the kernels that Numba compiles, and tests of errors, which are of the package's own checks.
"""

import gc
import os
import signal
from pathlib import Path

import hypothesis
import pytest

import typecheck

os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn: here Ctrl-C is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Kernels that Numba compiles; the command line; what deals with files and with PyTorch, whose types are theirs; what
# takes more than it is annotated with and checks it; and what warns, for a warning names the line that called it.
_UNCHECKED = (
    *(
        "kernel_cache",
        "kernels",
        "features.metrics.pair_kernels",
        "spectrum.secular",
        "spectrum.root_finding",
        "spectrum.cauchy_tree",
        "spectrum.near_linear",
    ),
    *("spectrum.dense", "spectrum.grouped_svd"),
    *(
        "features.moment_kernels",
        "features.moments",
        "features.passes.deciding",
        "features.passes.replicates",
        "features.passes.observed",
    ),
    *("cli.", "archives.", "features.head", "features.sources.", "features.checkpoints."),
    *("torch.capturing.", "torch.training.", "torch.monitoring.monitor", "torch.replacing"),
    *("torch.class_order", "counts.matching", "equivalents.read_out"),
)
_SOURCE = Path(__file__).parents[1] / "src" / "penultimate"


def _checked() -> set[str]:
    """Every module but those; packages' own files only gather names."""
    files = (path for path in _SOURCE.rglob("*.py") if path.name != "__init__.py")
    names = (".".join(path.relative_to(_SOURCE).with_suffix("").parts) for path in files)
    return {f"penultimate.{name}" for name in names if not name.startswith(_UNCHECKED)}


typecheck.check(_checked())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """A test that expects an error may pass what no annotation allows, and so may what is made at collection."""
    if isinstance(item, pytest.DoctestItem):
        refused = any(example.exc_msg for example in item.dtest.examples)
    else:
        refused = "raises" in item.function.__code__.co_names or "own_checks" in item.fixturenames
    typecheck.begin(disable=refused)


@pytest.fixture
def own_checks():
    """For tests that reach `pytest.raises` by way of a helper, or compile what would be checked."""


typecheck.begin(disable=True)

# Compiling kernels makes the first example of a property slow, whatever the property.
hypothesis.settings.register_profile(
    "penultimate", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("penultimate")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """What fails is shown at once, and not only in the summary at the end; with -n by the process that gathers."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        config.pluginmanager.register(_FailuresAtOnce(terminal))


# A third of all tests, and five sixths of their time. They come last: what fails among the others is seen in a minute.
_LONG = tuple(
    f"tests/{name}/"
    for name in (
        *("advice", "audits", "benchmarks", "cli", "features/passes", "forecasts", "fuzz", "heads/comparison"),
        *("learning_curves", "minimisers", "report", "scans", "studies", "torch/monitoring"),
    )
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.nodeid.startswith(_LONG))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What libraries make while they are imported stays: the garbage collector need not go through it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


class _FailuresAtOnce:
    def __init__(self, terminal):
        self.terminal = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.terminal.ensure_newline()
            self.terminal.write_line(f"FAILED {report.nodeid} ({report.when})", red=True)
            self.terminal.write_line(report.longreprtext[-2000:])


@pytest.fixture(autouse=True, scope="session")
def _samples_are_dealt_once():
    """Comparisons of heads repeat their cross-fitting for steadier figures: three times the work, and the same code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("penultimate.heads.comparison.comparison._REPEATS", 1)
        yield


@pytest.fixture
def penultimate(monkeypatch, capsys):
    """The command, as a function of its arguments: status, output, errors."""
    from command import run  # not before the hook above

    return lambda *arguments: run(monkeypatch, capsys, *arguments)


@pytest.fixture
def counts_file(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("class,count\ncat,600\ndog,300\nnewt,12\naxolotl,9\n")
    return path
