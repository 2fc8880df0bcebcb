"""The callbacks in real trainers of Lightning and Hugging Face."""

import importlib
import json
import sys

import numpy as np
import pytest
import pytorch_lightning as lightning
import torch
import transformers
from torch import nn
from torch.utils.data import DataLoader

import penultimate as pen
from seeds import SEED
from torch_networks import COUNTS, blobs, loader, perceptron

# Lightning reads PyTorch's tree specifications in a way that PyTorch is giving up, and finds few workers and batches.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*number of training batches.*smaller than the logging interval"),
]


@pytest.fixture
def forecast():
    return pen.forecast(pen.ClassCounts(COUNTS), weight_decay=5e-3, feature_ratio=1.0)


class Module(lightning.LightningModule):
    def __init__(self, compiled: bool = False):
        super().__init__()
        self.network = perceptron()
        self.run = torch.compile(self.network, backend="eager") if compiled else self.network

    def training_step(self, batch, index):
        inputs, labels = batch
        targets = nn.functional.one_hot(labels, len(COUNTS)).float()
        return 0.5 * (self.run(inputs) - targets).square().sum(dim=1).mean()

    def validation_step(self, batch, index):
        self.run(batch[0])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-3)


def fit(module, callback, epochs=3, batches=None, logger=False):
    trainer = lightning.Trainer(
        max_epochs=epochs,
        callbacks=[callback],
        accelerator="cpu",
        logger=logger,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, batches or loader(), batches or loader())
    return trainer


@pytest.mark.parametrize("compiled", [False, True])
def test_lightning_logs_what_an_audit_of_the_final_network_finds(forecast, compiled):
    torch._dynamo.reset()
    module = Module(compiled)
    monitor = pen.torch.FeatureMonitor(4, 16, head=module.network[4], forecast=forecast, dataset_size=105)
    callback = pen.torch.LightningCallback(monitor)
    trainer = fit(module, callback)
    audit = pen.audit(pen.torch.capture(module.network, loader()), weight_decay=5e-3)
    logged = trainer.callback_metrics
    found = [float(logged[f"collapse/direction/{i}"]) for i in (1, 2, 3)]
    np.testing.assert_allclose(found, audit.last_layer.alignment.strength, rtol=1e-4)
    assert float(logged["collapse/nc1"]) == pytest.approx(audit.metrics.nc1, rel=1e-4)
    # The sanity check before training left no trace; a step is four batches an epoch.
    assert callback.trajectory.steps.tolist() == [4, 8, 12]
    np.testing.assert_allclose(callback.trajectory.strength[-1], found, rtol=1e-6)
    assert not module.network[4]._forward_pre_hooks


def test_lightning_logs_where_each_direction_will_be_at_the_end(forecast):
    """From six looks on; what it draws is what it logs."""
    module = Module()
    monitor = pen.torch.FeatureMonitor(4, 16, head=module.network[4], forecast=forecast)
    callback = pen.torch.LightningCallback(monitor)
    assert not any("foreseen" in name for name in fit(module, callback, epochs=5).callback_metrics)
    module = Module()
    monitor = pen.torch.FeatureMonitor(4, 16, head=module.network[4], forecast=forecast)
    callback = pen.torch.LightningCallback(monitor)
    logged = fit(module, callback, epochs=7).callback_metrics
    found = [float(logged[f"collapse/foreseen/{i}"]) for i in (1, 2, 3)]
    np.testing.assert_allclose(found, callback.trajectory.foresee(until=28).strength, rtol=1e-6)
    assert "of the run" in json.dumps(callback.trajectory.plot(until=60).to_dict())


def test_lightning_can_watch_training_batches_of_another_form(forecast):
    module = Module()
    monitor = pen.torch.FeatureMonitor(4, 16, forecast=forecast, dataset_size=105)
    callback = pen.torch.LightningCallback(
        monitor, module.network[4], stage="train", unpack=lambda batch: (None, batch[1]), prefix="train/"
    )
    trainer = fit(module, callback, epochs=1)
    assert trainer.callback_metrics["train/samples"] == 105 and "train/nc1" in trainer.callback_metrics
    assert len(callback.trajectory) == 0  # there is no head to have strengths
    assert not any(name.startswith("collapse/") for name in trainer.callback_metrics)


def test_hooks_are_removed_when_training_fails(forecast):
    class Failing(Module):
        def training_step(self, batch, index):
            assert self.network[4]._forward_pre_hooks
            raise ArithmeticError

    module = Failing()
    callback = pen.torch.LightningCallback(pen.torch.FeatureMonitor(4, 16, head=module.network[4]))
    with pytest.raises(ArithmeticError):
        fit(module, callback)
    assert not module.network[4]._forward_pre_hooks


@pytest.mark.parametrize("make", [pen.torch.LightningCallback, pen.torch.HuggingFaceCallback])
def test_a_monitor_whose_layer_is_not_known_is_refused(make):
    with pytest.raises(pen.FeaturesError, match="give layer=, or the monitor head="):
        make(pen.torch.FeatureMonitor(4, 16))


def test_lightning_says_when_the_layer_watched_is_no_longer_in_the_model(forecast):
    module = Module()
    callback = pen.torch.LightningCallback(pen.torch.FeatureMonitor(4, 16, head=module.network[4]))
    module.network[4] = nn.Linear(16, 4)
    with pytest.raises(
        pen.FeaturesError, match=r"the layer watched, Linear\(.*\), is no longer in the model.*put_head"
    ):
        fit(module, callback, epochs=1)


class Tagged(Module):
    """Several labels a sample, with squared error."""

    def training_step(self, batch, index):
        return 0.5 * (self.run(batch[0]) - batch[1]).square().sum(dim=1).mean()


def tags():
    """Blobs with their class, and what even classes share, as labels."""
    inputs, labels = blobs()
    held = nn.functional.one_hot(labels, 4)
    held[:, 3] |= 1 - labels % 2
    return inputs, held.float()


def test_lightning_logs_what_an_audit_of_label_sets_finds():
    inputs, held = tags()
    forecast = pen.forecast(pen.LabelScatter.from_labels(held.numpy()), weight_decay=5e-3)
    module = Tagged()
    monitor = pen.torch.FeatureMonitor(4, 16, head=module.network[4], forecast=forecast, dataset_size=105)
    callback = pen.torch.LightningCallback(monitor)
    batches = DataLoader(torch.utils.data.TensorDataset(inputs, held), batch_size=32)
    trainer = fit(module, callback, batches=batches)
    with torch.no_grad():
        features = module.eval().network[:4](inputs).double().numpy()
    head = pen.Head((module.network[4].weight.detach().numpy(),), module.network[4].bias.detach().numpy())
    audit = pen.audit_label_sets(features, held.numpy(), head=head)
    logged = trainer.callback_metrics
    for name in ("additive", "beyond", "within"):
        assert float(logged[f"collapse/{name}"]) == pytest.approx(getattr(audit.shares, name), abs=1e-5), name
    found = [float(logged[f"collapse/direction/{i}"]) for i in range(1, 1 + audit.strength.size)]
    np.testing.assert_allclose(found, audit.strength, rtol=1e-4, atol=1e-5)
    assert callback.trajectory.steps.tolist() == [4, 8, 12] and "collapse/macro_f1" in logged
    assert callback.trajectory.plot(lr=0.05, momentum=0.9).to_dict()
    with pytest.raises(pen.FeaturesError, match="one class a sample"):
        callback.trajectory.directions()


def test_hugging_face_reports_label_sets(tmp_path):
    held = tags()[1]
    model = bert(transformers.BertForSequenceClassification, num_labels=4, problem_type="multi_label_classification")
    forecast = pen.forecast(pen.LabelScatter.from_labels(held.numpy()), weight_decay=1e-3, loss="bce")
    monitor = pen.torch.FeatureMonitor(4, 8, head=model.classifier, forecast=forecast, dataset_size=105)
    callback = pen.torch.HuggingFaceCallback(monitor)
    rows = [{**row, "labels": own} for row, own in zip(sentences(), held, strict=True)]
    trainer = trainer_of(model, callback, tmp_path, rows)
    trainer.train()
    metrics = trainer.evaluate()
    assert metrics["eval_collapse/samples"] == 105 and metrics["eval_collapse/sets"] == 4
    logits = trainer.predict(rows).predictions
    assert metrics["eval_collapse/answered"] == np.count_nonzero((logits > 0).any(axis=0))
    assert callback.trajectory.steps.tolist() == [3, 6] and callback.trajectory.plot().to_dict()


def sentences():
    """Sequences whose first token tells the class."""
    generator = torch.Generator().manual_seed(SEED)
    _, labels = blobs()
    tokens = torch.randint(4, 20, (105, 5), generator=generator)
    tokens[:, 0] = labels
    return [{"input_ids": row, "labels": int(label)} for row, label in zip(tokens, labels, strict=True)]


def bert(kind, **options):
    torch.manual_seed(SEED)
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, **options
    )
    return kind(config)


def trainer_of(model, callback, folder, rows=None, trackers=(), **options):
    arguments = transformers.TrainingArguments(
        str(folder),
        num_train_epochs=2,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=list(trackers),
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        per_device_train_batch_size=35,
        per_device_eval_batch_size=32,
    )
    callbacks = {"callbacks": [callback]} if callback is not None else {}
    return transformers.Trainer(
        model, arguments, train_dataset=rows or sentences(), eval_dataset=rows or sentences(), **callbacks, **options
    )


def test_hugging_face_reports_what_an_audit_of_the_final_network_finds(forecast, tmp_path):
    model = bert(transformers.BertForSequenceClassification, num_labels=4)
    monitor = pen.torch.FeatureMonitor(4, 8, head=model.classifier, forecast=forecast, dataset_size=105)
    callback = pen.torch.HuggingFaceCallback(monitor)
    trainer = trainer_of(model, callback, tmp_path)
    trainer.train()
    metrics = trainer.evaluate()
    audit = pen.audit(pen.torch.capture(model, DataLoader(sentences(), batch_size=32)), weight_decay=5e-3)
    found = [metrics[f"eval_collapse/direction/{i}"] for i in (1, 2, 3)]
    np.testing.assert_allclose(found, audit.last_layer.alignment.strength, rtol=1e-4, atol=1e-6)
    assert metrics["eval_collapse/samples"] == 105
    history = [entry for entry in trainer.state.log_history if "eval_collapse/nc1" in entry]
    assert len(history) == 3 and history[-1]["eval_collapse/nc1"] == pytest.approx(audit.metrics.nc1, rel=1e-4)
    # Evaluating once more at the same step adds nothing.
    assert callback.trajectory.steps.tolist() == [3, 6]
    trainer.predict(sentences())
    assert not monitor.update_called
    callback.close()
    assert not model._forward_pre_hooks and not model.classifier._forward_pre_hooks


def scalars(folder):
    """Names in TensorBoard's files, and the steps at which each has a value."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    held = accumulator.EventAccumulator(str(folder)).Reload()
    return {name: [one.step for one in held.Scalars(name)] for name in held.Tags()["scalars"]}


def test_what_callbacks_log_goes_to_the_trackers_of_the_trainer(tmp_path):
    pytest.importorskip("tensorboard", reason="pip install tensorboard")
    from pytorch_lightning.loggers import TensorBoardLogger

    names = ["ant", "bee", "cat", "dog"]
    module = Module(False)
    callback = pen.torch.LightningCallback(pen.torch.FeatureMonitor(names, 16, head=module.network[4]))
    logger = TensorBoardLogger(str(tmp_path / "lightning"))
    fit(module, callback, logger=logger)
    assert len(scalars(logger.log_dir)["collapse/recall/bee"]) == 3

    model = bert(transformers.BertForSequenceClassification, num_labels=4)
    callback = pen.torch.HuggingFaceCallback(pen.torch.FeatureMonitor(names, 8, head=model.classifier))
    trainer = trainer_of(model, callback, tmp_path, trackers=["tensorboard"])
    callback.report_first(trainer)
    trainer.train()
    (folder,) = {path.parent for path in tmp_path.rglob("events.*") if "lightning" not in path.parts}
    assert scalars(folder)["eval/collapse/recall/bee"] == [3, 6]


def test_hugging_face_says_when_the_layer_is_gone_and_goes_on_when_weights_are_put_in(tmp_path):
    model = bert(transformers.BertForSequenceClassification, num_labels=4)
    monitor = pen.torch.FeatureMonitor(4, 8, head=model.classifier)
    trainer = trainer_of(model, pen.torch.HuggingFaceCallback(monitor), tmp_path)
    head, old = pen.Head((np.eye(4, 8),), np.zeros(4)), model.classifier
    model.classifier = pen.torch.FixedHead.from_head(head).to_linear()
    with pytest.raises(pen.FeaturesError, match=r"the layer watched, .* is no longer in the model"):
        trainer.evaluate()
    model.classifier = old
    pen.torch.put_head(model, head)
    assert trainer.evaluate()["eval_collapse/head_equinorm"] == pytest.approx(0.0, abs=1e-6)
    model.save_pretrained(tmp_path / "saved")
    kept = pen.Head.read(tmp_path / "saved" / "model.safetensors", key="classifier.weight")
    np.testing.assert_array_equal(kept.product, head.product)


def test_hugging_face_callback_that_comes_late_and_reports_first(forecast, tmp_path):
    seen = []

    class Reporter(transformers.TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            seen.append("eval_collapse/nc1" in logs)

    model = bert(transformers.BertForSequenceClassification, num_labels=4)
    trainer = trainer_of(model, Reporter(), tmp_path)
    callback = pen.torch.HuggingFaceCallback(pen.torch.FeatureMonitor(4, 8, head=model.classifier, forecast=forecast))
    callback.report_first(trainer)
    assert trainer.callback_handler.callbacks.index(callback) == 0
    trainer.train()
    assert seen.count(True) == 2 and len(callback.trajectory) == 2


def test_hugging_face_without_labels_says_how_to_give_them(forecast, tmp_path):
    model = bert(transformers.BertForSequenceClassification, num_labels=4)
    monitor = pen.torch.FeatureMonitor(4, 8, head=model.classifier)
    callback = pen.torch.HuggingFaceCallback(monitor)
    trainer = trainer_of(model, callback, tmp_path)
    own = trainer_of(model, callback, tmp_path, compute_loss_func=lambda outputs, labels, **_: outputs.logits.mean())
    with pytest.raises(pen.FeaturesError, match="keeps labels from the model: override its compute_loss"):
        own.evaluate()
    without = [{"input_ids": entry["input_ids"]} for entry in sentences()]
    with pytest.raises(pen.FeaturesError, match="called with input_ids and no labels: give labels="):
        trainer.evaluate(without)
    callback.close()
    other = pen.torch.HuggingFaceCallback(monitor, labels=lambda inputs: inputs["input_ids"][:, 0])
    metrics = trainer_of(model, other, tmp_path).evaluate(without)
    assert metrics["eval_collapse/samples"] == 105 and metrics["eval_collapse/classes"] == 4


def test_tokens_of_a_real_transformer_are_captured(tmp_path):
    model = bert(transformers.BertForTokenClassification, num_labels=3)
    tokens = torch.randint(0, 20, (9, 5), generator=torch.Generator().manual_seed(2 + SEED))
    labels = tokens % 3
    labels[:, 4] = -100
    batches = [{"input_ids": t, "labels": y} for t, y in zip(tokens.split(4), labels.split(4), strict=True)]
    source = pen.torch.capture(model, batches)
    assert source.samples == 36
    with torch.no_grad():
        hidden = model.eval().bert(input_ids=tokens).last_hidden_state[:, :4].reshape(-1, 8)
    found = np.concatenate([batch.features for batch in source.batches()])
    np.testing.assert_allclose(found, hidden.numpy(), rtol=1e-5, atol=1e-6)


def test_a_language_model_with_tied_weights_is_captured_with_shifted_labels():
    torch.manual_seed(SEED)
    config = transformers.GPT2Config(vocab_size=12, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    model = transformers.GPT2LMHeadModel(config)
    assert model.lm_head.weight is model.transformer.wte.weight
    tokens = torch.randint(0, 12, (6, 5), generator=torch.Generator().manual_seed(3 + SEED))

    def shifted(item):
        return {"input_ids": item["input_ids"]}, nn.functional.pad(item["labels"][:, 1:], (0, 1), value=-100)

    source = pen.torch.capture(model, [{"input_ids": tokens, "labels": tokens}], unpack=shifted)
    features, labels = next(source.batches())[:2]
    np.testing.assert_array_equal(labels, tokens[:, 1:].reshape(-1).numpy())
    # With the head on these features, the model's own loss is that of these labels.
    with torch.no_grad():
        loss = model.eval()(input_ids=tokens, labels=tokens).loss
    logits = torch.from_numpy(source.head.logits(features))
    torch.testing.assert_close(nn.functional.cross_entropy(logits, torch.from_numpy(labels)), loss.to(logits))


@pytest.mark.parametrize(
    ("module", "framework", "message"),
    [
        (
            "lightning",
            ("lightning.pytorch", "pytorch_lightning"),
            "LightningCallback needs lightning.* pip install lightning",
        ),
        ("trainer", ("transformers",), "HuggingFaceCallback needs transformers.* pip install transformers"),
        ("monitor", ("torchmetrics",), r"FeatureMonitor needs torchmetrics.* pip install 'penultimate\[torch\]'"),
    ],
)
def test_a_framework_that_is_missing_is_named(monkeypatch, module, framework, message):
    for name in framework:
        monkeypatch.setitem(sys.modules, name, None)  # import then raises ImportError
    monkeypatch.delitem(sys.modules, f"penultimate.torch.monitoring.{module}")
    with pytest.raises(pen.MissingDependencyError, match=message):
        importlib.import_module(f"penultimate.torch.monitoring.{module}")
