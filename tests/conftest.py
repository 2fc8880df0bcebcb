"""Array shapes and types, as annotated, are checked while the tests run.

Left alone are the kernels that Numba compiles, and modules whose own checks of bad arguments are under test.
"""

import os

import hypothesis
import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "1")

_CHECKED = [
    "penultimate.advice",
    "penultimate.advice.advice",
    "penultimate.forecasts.comparison",
    "penultimate.forecasts.critical_decays",
    "penultimate.forecasts.forecast",
    "penultimate.heads.comparison.comparison",
    "penultimate.heads.comparison.candidates",
    "penultimate.heads.covariance",
    "penultimate.heads.comparison.scoring",
    "penultimate.heads.comparison.selection",
    "penultimate.heads.softmax",
    "penultimate.minimisers",
    "penultimate.model.geometry",
    "penultimate.model.grouped_matrix",
    "penultimate.spectrum.label_spectrum",
    "penultimate.spectrum.quotient",
    "penultimate.forecasts.over_decay",
    "penultimate.forecasts.timeline",
    "penultimate.torch.monitoring.sums",
    "penultimate.torch.monitoring.trajectory",
    "penultimate.report",
]
install_import_hook(_CHECKED, "typecheck.checked")

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


class _FailuresAtOnce:
    def __init__(self, terminal):
        self.terminal = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.terminal.ensure_newline()
            self.terminal.write_line(f"FAILED {report.nodeid} ({report.when})", red=True)
            self.terminal.write_line(report.longreprtext[-2000:])


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
