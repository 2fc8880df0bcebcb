"""Heads watched while small networks train whose unseen classes are known, and in real trainers."""

import numpy as np
import pytest
import pytorch_lightning as lightning
import torch
import transformers
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import penultimate as pen
from seeds import SEED

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*number of training batches.*smaller than the logging interval"),
]
CLASSES, WIDTH = 300, 48


def trained(optimiser, unseen, *, tied=False, bias=True, hidden=True, steps=400, seed=0):
    """A network after some hundred steps on all classes but the last ones, and the monitor made before the first."""
    torch.manual_seed(seed + SEED)
    prototypes, seen = torch.randn(CLASSES, WIDTH), CLASSES - unseen
    if tied:
        embedding = nn.Embedding(CLASSES, WIDTH)
        nn.init.normal_(embedding.weight, std=0.02)
        body, layer = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.LayerNorm(WIDTH)), embedding
    else:
        body = (
            nn.Sequential(nn.Linear(WIDTH, 96), nn.ReLU(), nn.Linear(96, WIDTH), nn.ReLU()) if hidden else nn.Identity()
        )
        layer = nn.Linear(WIDTH, CLASSES, bias=bias)
    monitor = pen.torch.HeadMonitor(layer)
    steps_of = optimiser([*body.parameters(), *layer.parameters()])
    for _ in range(steps):
        labels = torch.randint(0, seen, (128,))
        if tied:
            logits = body(layer((labels + 1) % seen)) @ layer.weight.T
        else:
            logits = layer(body(prototypes[labels] + 0.7 * torch.randn(128, WIDTH)))
        loss = nn.functional.cross_entropy(logits, labels)
        steps_of.zero_grad()
        loss.backward()
        steps_of.step()
    return layer, monitor


def sgd(weights):
    return torch.optim.SGD(weights, lr=0.2, momentum=0.9, weight_decay=5e-4)


def plain_sgd(weights):
    return torch.optim.SGD(weights, lr=1.0)


def adamw(weights):
    return torch.optim.AdamW(weights, lr=2e-3, weight_decay=0.1)


@pytest.mark.parametrize(
    ("optimiser", "options"),
    [
        (sgd, {}),
        (sgd, {"hidden": False, "bias": False}),
        (plain_sgd, {"hidden": False}),
        (adamw, {}),
        (adamw, {"tied": True}),
    ],
)
def test_rows_of_unseen_classes_are_named_and_no_others(optimiser, options):
    _, monitor = trained(optimiser, 40, **options)
    found = set(monitor.look().rows)
    assert found <= set(range(260, 300)) and len(found) >= 38


@pytest.mark.parametrize("options", [{}, {"hidden": False}, {"tied": True}])
@pytest.mark.parametrize("optimiser", [sgd, adamw])
def test_where_every_class_was_met_none_is_named(optimiser, options):
    _, monitor = trained(optimiser, 0, **options)
    assert monitor.look().rows.size == 0 and monitor.compute() == {"unmoved": 0.0, "nearly": 0.0}
    assert "No group of unmoved rows stands out" in monitor.verdict


def test_most_rows_may_be_unmoved():
    _, monitor = trained(adamw, 240)
    found = set(monitor.look().rows)
    assert found <= set(range(60, 300)) and len(found) >= 230


def moved(layer, factor=0.9, unmoved=30):
    """What training does to rows: all shrink and drift together, most are moved by samples."""
    generator = torch.Generator().manual_seed(1 + SEED)
    with torch.no_grad():
        layer.weight.mul_(factor).add_(0.1 * torch.randn(layer.weight.shape[1], generator=generator))
        rest = layer.weight[unmoved:]
        rest.add_(torch.randn(rest.shape, generator=generator))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_names_figures_and_words(dtype):
    layer = nn.Linear(64, 200).to(dtype)
    monitor = pen.torch.HeadMonitor(layer, names=[f"token {k}" for k in range(200)])
    assert "not been looked at" in monitor.verdict and monitor.unmoved == monitor.nearly == ()
    assert monitor.compute()["unmoved"] == 200 and "No step has moved any row" in monitor.verdict
    moved(layer)
    figures = monitor.compute()
    assert figures["unmoved"] == 30 and figures["factor"] == pytest.approx(0.9, abs=0.01) and figures["drift"] > 0
    assert set(monitor.unmoved) == {f"token {k}" for k in range(30)}
    assert monitor.verdict.startswith("30 of 200 rows were moved by no sample, or hardly any: token")
    assert repr(monitor) == "HeadMonitor(200 × 64)"


def test_a_look_leaves_the_layer_as_it_was_and_every_process_finds_the_same():
    torch.manual_seed(SEED)
    layer, other = nn.Linear(64, 200), nn.Linear(64, 200)
    other.load_state_dict(layer.state_dict())
    monitors = [pen.torch.HeadMonitor(one) for one in (layer, other)]
    for one in (layer, other):
        moved(one)
    before = layer.weight.clone()
    found = [monitor.look().rows.tolist() for monitor in monitors]
    assert found[0] == found[1] and torch.equal(layer.weight, before) and layer.weight.grad is None
    # What is kept is a sketch of the start, not a copy.
    assert sum(held.size for held in vars(monitors[0]).values() if isinstance(held, np.ndarray)) == 200 * 48


def test_training_that_is_taken_up_again_goes_on_from_its_start(tmp_path):
    layer = nn.Linear(64, 200)
    first = pen.torch.HeadMonitor(layer, seed=3)
    torch.save(first.state_dict(), tmp_path / "monitor.pt")
    moved(layer)
    second = pen.torch.HeadMonitor(layer)
    assert second.look().rows.size == 200
    second.load_state_dict(torch.load(tmp_path / "monitor.pt", weights_only=True))
    assert second.look().rows.tolist() == first.look().rows.tolist() != list(range(200))
    with pytest.raises(pen.FeaturesError, match="of a head of 200 × 64 and the layer is 100 × 64"):
        pen.torch.HeadMonitor(nn.Linear(64, 100)).load_state_dict(first.state_dict())
    with pytest.raises(pen.FeaturesError, match="the state has no seed, shape, start"):
        first.load_state_dict(layer.state_dict())


def test_fine_tuning_is_a_start_like_any_other():
    layer, _ = trained(sgd, 0, hidden=False)
    monitor = pen.torch.HeadMonitor(layer)
    torch.manual_seed(1 + SEED)
    prototypes, optimiser = torch.randn(60, WIDTH), sgd(layer.parameters())
    for _ in range(400):
        labels = torch.randint(0, 60, (128,))
        loss = nn.functional.cross_entropy(layer(prototypes[labels] + 0.7 * torch.randn(128, WIDTH)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = set(monitor.look().rows)
    assert found <= set(range(60, 300)) and len(found) >= 230


def test_a_head_that_was_put_or_resized_is_noticed():
    model = nn.Sequential(nn.Linear(4, 16), nn.Linear(16, 100))
    monitor = pen.torch.HeadMonitor(model[1])
    pen.torch.put_head(model, pen.Head((np.ones((100, 16)),), np.zeros(100)))
    with pytest.raises(pen.FeaturesError, match="a head was put into the layer since the start"):
        monitor.look()
    after = pen.torch.HeadMonitor(model[1])
    assert after.look().rows.size == 100
    model[1].weight = nn.Parameter(torch.zeros(101, 16))
    with pytest.raises(pen.FeaturesError, match="was 100 × 16 at the start and is 101 × 16"):
        after.look()


def test_rows_that_are_not_finite_are_left_out_with_a_warning():
    layer = nn.Linear(64, 200)
    monitor = pen.torch.HeadMonitor(layer)
    moved(layer)
    with torch.no_grad():
        layer.weight[0, 0], layer.weight[150, 3] = float("nan"), float("inf")
    with pytest.warns(UserWarning, match="2 rows of the head hold NaN or infinity"):
        found = monitor.look()
    assert sorted(found.rows.tolist()) == list(range(1, 30))
    with torch.no_grad():
        layer.weight.fill_(float("nan"))
    with pytest.warns(UserWarning, match="200 rows of the head hold NaN"):
        assert monitor.look().rows.size == 0


@pytest.mark.parametrize(
    ("layer", "names", "message"),
    [
        (nn.Linear(8, 63), None, "63 rows: with fewer than 64"),
        (nn.Linear(8, 100), ["a"], "1 class names for the 100 classes"),
        (nn.Linear(8, 100, device="meta"), None, "meta device"),
        (nn.ReLU(), None, "the weight of ReLU is not there"),
        (nn.Conv2d(3, 100, 3), None, r"float32 of shape \(100, 3, 3, 3\)"),
    ],
)
def test_what_is_no_head_is_refused(layer, names, message):
    with pytest.raises(pen.FeaturesError, match=message):
        pen.torch.HeadMonitor(layer, names)


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(SEED)
        self.head = nn.Linear(32, 120)

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.head(batch[0]), batch[1])

    def validation_step(self, batch, index):
        self.head(batch[0])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0, momentum=0.9, weight_decay=1e-3)


def samples():
    """Of a hundred classes of 120."""
    generator = torch.Generator().manual_seed(SEED)
    labels = torch.arange(2000) % 100
    prototypes = torch.randn(100, 32, generator=generator)
    return TensorDataset(prototypes[labels] + 0.5 * torch.randn(2000, 32, generator=generator), labels)


def fit(module, callback, folder, checkpoint=False):
    trainer = lightning.Trainer(
        max_epochs=6,
        callbacks=[callback],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=checkpoint,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = DataLoader(samples(), batch_size=50, shuffle=True)
    trainer.fit(module, loader, DataLoader(samples(), batch_size=500))
    return trainer


def test_lightning_logs_figures_and_keeps_names_by_step(tmp_path):
    module = Module()
    callback = pen.torch.HeadLightningCallback(pen.torch.HeadMonitor(module.head))
    trainer = fit(module, callback, tmp_path, checkpoint=True)
    assert list(callback.unmoved) == [40, 80, 120, 160, 200, 240]  # and nothing of the sanity check
    assert set(callback.unmoved[240]) == {str(k) for k in range(100, 120)}
    assert float(trainer.callback_metrics["head/unmoved"]) == 20
    state = torch.load(trainer.checkpoint_callback.best_model_path, weights_only=False)["callbacks"]
    assert any("start" in held for held in state.values())


def test_lightning_says_when_the_layer_watched_is_no_longer_in_the_model(tmp_path):
    module = Module()
    callback = pen.torch.HeadLightningCallback(pen.torch.HeadMonitor(module.head))
    module.head = nn.Linear(32, 120)
    with pytest.raises(pen.FeaturesError, match="is no longer in the model"):
        fit(module, callback, tmp_path)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(SEED)
        self.head = nn.Linear(32, 120)

    def forward(self, inputs, labels=None):
        logits = self.head(inputs)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def test_hugging_face_adds_figures_to_the_metrics(tmp_path):
    model = Classifier()
    data = [{"inputs": inputs, "labels": label} for inputs, label in samples()]
    callback = pen.torch.HeadHuggingFaceCallback(pen.torch.HeadMonitor(model.head))
    arguments = transformers.TrainingArguments(
        str(tmp_path), num_train_epochs=6, per_device_train_batch_size=50, eval_strategy="epoch", report_to=[],
        learning_rate=0.01, weight_decay=0.01, save_strategy="no", disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    trainer = transformers.Trainer(model, arguments, train_dataset=data, eval_dataset=data[:100], callbacks=[callback])
    trainer.train()
    assert set(callback.unmoved[240]) == {str(k) for k in range(100, 120)}
    metrics = trainer.evaluate()
    assert metrics["eval_head/unmoved"] == 20
    assert sum("eval_head/unmoved" in entry for entry in trainer.state.log_history) == 7
