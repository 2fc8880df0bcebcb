"""Figures in trackers of experiments: those of the result, under its names; real trackers where they are installed."""

import json
import math
import sqlite3
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from penultimate.trackers import send
from report_cases import AUDITS, HOSTILE


class Kept:
    """A run that keeps what it is given; `of` makes it one of another package."""

    def __init__(self):
        self.held = {}

    def log(self, figures, step=None):
        self.held |= {(name, step): value for name, value in figures.items()}

    log_metrics = log

    def add_scalar(self, name, value, step=None):
        self.log({name: value}, step)


def of(module):
    return type("Run", (Kept,), {"__module__": module})()


@pytest.fixture
def mlflow_kept(monkeypatch):
    """A package called mlflow, and a run of it; MLflow takes at most a thousand figures at once."""
    kept = {}

    def log_metrics(metrics, step=None, run_id="active"):
        assert len(metrics) <= 1000
        kept.update({(run_id, name, step): value for name, value in metrics.items()})

    package = ModuleType("mlflow")
    package.log_metrics = log_metrics
    monkeypatch.setitem(sys.modules, "mlflow", package)
    run = type("ActiveRun", (), {"__module__": "mlflow.tracking.fluent", "info": SimpleNamespace(run_id="a1")})()
    return package, run, kept


RUNS = ("torch.utils.tensorboard.writer", "tensorboardX.writer", "wandb.sdk.wandb_run", "trackio.run")
LOGGERS = ("pytorch_lightning.loggers.csv_logs", "lightning.pytorch.loggers.wandb")


@pytest.mark.parametrize("module", [*RUNS, *LOGGERS])
def test_every_tracker_has_the_figures_of_the_record(module):
    audit, run = AUDITS["cnn-mse"](), of(module)
    audit.log_to(run, 7, "all")
    record = audit.to_dict("all")
    assert run.held["audit/metrics/balanced_accuracy", 7] == record["metrics"]["balanced_accuracy"]
    recalls = {f"audit/classes/recall/{row['class']}": row["recall"] for row in record["classes"]}
    assert {name: run.held[name, 7] for name in recalls} == recalls
    lows = [run.held[f"audit/classes/recall_interval_low/{row['class']}", 7] for row in record["classes"]]
    assert lows == [row["recall_interval"][0] for row in record["classes"]]
    assert all(isinstance(value, float) and math.isfinite(value) for value in run.held.values())


def test_classes_prefix_and_step_are_chosen():
    forecast, run = pen.forecast(pen.ClassCounts(range(1, 31)), 1e-2, feature_ratio=1), of("wandb.sdk.wandb_run")
    forecast.log_to(run)
    assert sum("/retained/" in name for name, _ in run.held) == 20 and {step for _, step in run.held} == {None}
    run.held.clear()
    forecast.log_to(run, np.int64(3), "none", prefix="test/")
    assert ("test/solution/survivors", 3) in run.held and not any("/classes/" in name for name, _ in run.held)


def test_a_drift_and_a_label_audit_are_logged_too():
    run = of("trackio.run")
    drift = pen.drift("cnn-ce", "cnn-ce-test")
    drift.log_to(run, 1, "all")
    moved = [run.held[f"drift/classes/moved/{name}", 1] for name in drift.counts.names]
    assert moved == drift.moved.astype(float).tolist() and run.held["drift/classes_moved", 1] == sum(moved)
    labels = (np.random.default_rng(0).random((300, 3)) < [0.5, 0.3, 0.2]).astype(float)
    found = pen.audit_label_sets(labels @ np.eye(3), labels, names=["cat", "dog", "newt"])
    found.log_to(run, 2)
    assert run.held["label_audit/labels/separation/newt", 2] == pytest.approx(found.separation[2])


def test_a_class_called_like_a_figure_takes_no_other_place():
    counts = pen.ClassCounts({"sum": 40, "slope": 20, "recall/sum": 9})
    head = pen.Head((np.random.default_rng(0).normal(size=(3, 4)),), np.array([0.5, -0.1, -0.2]))
    audit, run = pen.audit_head(head, counts, loss="mse"), of("wandb.sdk.wandb_run")
    audit.log_to(run)
    assert run.held["head_audit/bias/sum", None] == pytest.approx(0.2)
    assert run.held["head_audit/classes/bias/sum", None] == 0.5


def test_monitors_log_by_themselves_with_the_prefix_of_their_callbacks():
    torch.manual_seed(0)
    monitor = pen.torch.FeatureMonitor(["ant", "bee"], 4, head=torch.nn.Linear(4, 2))
    monitor.update(torch.randn(20, 4), torch.arange(20) % 2)
    run = of("torch.utils.tensorboard.writer")
    monitor.log_to(run, 5)
    values = {f"collapse/{name}": float(value) for name, value in monitor.compute().items()}
    assert {name: run.held[name, 5] for name in values} == values and "collapse/recall/bee" in values
    head, run = pen.torch.HeadMonitor(torch.nn.Linear(4, 100)), of("wandb.sdk.wandb_run")
    head.log_to(run, 1, prefix="")
    assert run.held["unmoved", 1] == 100.0


def test_a_run_of_mlflow_and_its_active_run_are_written_in_parts(mlflow_kept):
    package, run, kept = mlflow_kept
    send(run, {f"a/{k}": float(k) for k in range(2500)}, 4)
    assert len(kept) == 2500 and kept["a1", "a/2499", 4] == 2499.0
    send(package, {"a/b": 1.0}, None)
    assert kept["active", "a/b", None] == 1.0


@given(st.lists(st.one_of(st.text(max_size=8), st.sampled_from(HOSTILE)), unique=True, min_size=1, max_size=6))
def test_mlflow_takes_every_name_and_no_two_become_one(names):
    from penultimate.trackers import _fit

    fitted = [_fit(f"classes/recall/{name}") for name in names]
    assert len(set(fitted)) == len(fitted)
    for name in fitted:
        assert len(name) <= 250 and all(c.isalnum() or c in "_-. /" for c in name)
        parts = name.split("/")
        assert "" not in parts and "." not in parts and ".." not in parts


@pytest.mark.parametrize(
    "run", [None, "run", 3, {}, print, torch.nn.Linear(2, 2), sys, of("elsewhere.run"), of("mlflow.tracking.client")]
)
def test_what_is_no_tracker_is_one_error(run):
    with pytest.raises(pen.ProblemError, match=r"run is .*: give"):
        AUDITS["cnn-mse"]().log_to(run)


@pytest.mark.parametrize("step", [1.5, "3", True, math.nan, [1]])
def test_a_step_that_is_no_whole_number_is_one_error(step):
    with pytest.raises(pen.ProblemError, match="give a whole number, or nothing"):
        AUDITS["cnn-mse"]().log_to(of("wandb.sdk.wandb_run"), step)


# Real trackers, each into a folder of its own and without a network.


def test_tensorboard_reads_what_was_written(tmp_path):
    pytest.importorskip("tensorboard", reason="pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    audit = AUDITS["audit-hostile"]()
    with SummaryWriter(str(tmp_path)) as writer:
        audit.log_to(writer, 3, "all")
    held = EventAccumulator(str(tmp_path)).Reload()
    for name, recall in zip(audit.counts.names, audit.decisions.recall, strict=True):
        (one,) = held.Scalars(f"audit/classes/recall/{name}")
        assert one.step == 3 and one.value == pytest.approx(recall)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_what_was_written(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="pip install mlflow-skinny")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    audit = AUDITS["audit-hostile"]()
    with mlflow.start_run() as run:
        audit.log_to(run, 3, "all")
        audit.log_to(mlflow, 3, "none", prefix="again/")
    held = mlflow.get_run(run.info.run_id).data.metrics
    assert held["again/metrics/nc1"] == held["audit/metrics/nc1"] == audit.metrics.nc1
    recalls = sorted(value for name, value in held.items() if name.startswith("audit/classes/recall/"))
    assert recalls == sorted(audit.decisions.recall.tolist())


@pytest.mark.filterwarnings("ignore")
def test_wandb_holds_what_was_written_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="pip install wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = wandb.init(project="audits", dir=str(tmp_path), mode="offline")
    try:
        AUDITS["cnn-mse"]().log_to(run, None, "none")
        assert run.summary["audit/metrics/nc1"] == AUDITS["cnn-mse"]().metrics.nc1
    finally:
        run.finish()


@pytest.mark.filterwarnings("ignore")
def test_trackio_holds_what_was_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trackio = pytest.importorskip("trackio", reason="pip install trackio")
    run = trackio.init(project="audits", name="one", auto_log_cpu=False)
    AUDITS["cnn-mse"]().log_to(run, 2, "none")
    trackio.finish()
    held = sqlite3.connect(tmp_path / "audits.db")
    ((step, figures),) = held.execute("select step, metrics from metrics").fetchall()
    held.close()
    assert step == 2 and json.loads(figures)["audit/metrics/nc1"] == AUDITS["cnn-mse"]().metrics.nc1
