"""Features captured from a running model, against those of a plain loop over its body."""

import tracemalloc

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

import penultimate as pen
from penultimate.features import sources
from torch_networks import COUNTS, blobs, loader, penultimate_features, perceptron, trained


def read(source, start=0):
    batches = list(source.batches(start))
    return np.concatenate([b.features for b in batches]), np.concatenate([b.labels for b in batches])


def hooks(model):
    return sum(len(m._forward_pre_hooks) + len(m._forward_hooks) for m in model.modules())


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 40 rows, so that a small data set has several."""
    monkeypatch.setattr("penultimate.torch.capturing.captured.block_rows", lambda dimension: 40)


def test_an_audit_in_one_line_is_that_of_a_plain_loop():
    model, batches = trained(), loader()
    features, labels = penultimate_features(model, batches)
    captured = pen.audit(pen.torch.capture(model, batches), weight_decay=5e-3)
    head = pen.Head((model[4].weight.detach().numpy(),), model[4].bias.detach().numpy())
    plain = pen.audit(features, labels, head=head, weight_decay=5e-3)
    assert captured.decisions.accuracy == plain.decisions.accuracy
    np.testing.assert_array_equal(captured.statistics.counts, COUNTS)
    np.testing.assert_allclose(captured.statistics.means, plain.statistics.means, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(captured.last_layer.alignment.strength, plain.last_layer.alignment.strength, rtol=1e-6)
    np.testing.assert_allclose(captured.metrics.nc1, plain.metrics.nc1, rtol=1e-4)


def test_a_pass_gives_what_a_plain_loop_gives_in_blocks(small_blocks):
    model, batches = perceptron(), loader(batch_size=16)
    source = pen.torch.capture(model, batches)
    features, labels = penultimate_features(model, batches)
    got = read(source)
    np.testing.assert_array_equal(got[0], features)
    np.testing.assert_array_equal(got[1], labels)
    # Cut after the batch in which 40, 80 … are passed.
    assert [len(batch.labels) for batch in source.batches()] == [48, 32, 25]
    assert (source.samples, source.dimension, source.dtype, str(source)) == (
        105,
        16,
        "float32",
        "features of a Sequential",
    )
    np.testing.assert_array_equal(np.concatenate(list(source.labels(20))), labels[20:])
    with pytest.raises(pen.FeaturesError, match=r"save\(\) them, and audit the file on a cluster"):
        source.shards()


@pytest.mark.parametrize("start", [0, 16, 48, 50, 105])
def test_a_pass_may_begin_at_any_sample_and_ends_blocks_at_the_same_ones(small_blocks, start):
    source = pen.torch.capture(perceptron(), loader(batch_size=16))
    whole = read(source)
    ends = np.cumsum([len(batch.labels) for batch in source.batches()])
    if start == 105:
        assert list(source.batches(start)) == []
        return
    features, labels = read(source, start)
    np.testing.assert_array_equal(features, whole[0][start:])
    np.testing.assert_array_equal(labels, whole[1][start:])
    again = start + np.cumsum([len(batch.labels) for batch in source.batches(start)])
    assert set(again) <= set(ends)


def test_every_submodule_has_its_mode_again_and_no_hook_stays():
    model = perceptron().train()
    model[1].eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    source = pen.torch.capture(model, loader())
    stream = source.batches()
    next(stream)  # abandoned halfway
    assert [module.training for module in model.modules()] == modes and hooks(model) == 0
    read(source)
    assert [module.training for module in model.modules()] == modes and hooks(model) == 0
    for name, value in model.state_dict().items():  # running means of the batch norm among them
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_modes_and_hooks_are_restored_when_the_model_fails(error, at):
    model, calls = perceptron().train(), []

    class Failing(nn.Module):
        def forward(self, inputs):
            calls.append(1)
            if len(calls) == at:
                raise error
            return inputs

    model[2] = nn.Sequential(nn.ReLU(), Failing())
    model[1].eval()
    modes = [module.training for module in model.modules()]
    with pytest.raises(error):
        read(pen.torch.capture(model, loader()))  # two runs to find the head, then the pass
    assert [module.training for module in model.modules()] == modes and hooks(model) == 0


def wrapped_in_data_parallel(model):
    return nn.DataParallel(model)


def compiled(model):
    whole = torch.compile(model, backend="eager")
    whole(torch.randn(4, 6))
    return whole


def compiled_inside(model):
    body = torch.compile(model[:3], backend="eager")
    whole = nn.Sequential(body, *model[3:])
    whole(torch.randn(4, 6))
    return whole


def compiled_in_place(model):
    model.compile(backend="eager")
    model(torch.randn(4, 6))
    return model


@pytest.mark.parametrize("wrap", [wrapped_in_data_parallel, compiled, compiled_inside, compiled_in_place])
def test_wrappers_do_not_hide_the_head(wrap):
    torch._dynamo.reset()
    plain = perceptron().eval()
    features, _ = penultimate_features(plain, loader())
    wrapped = wrap(plain)
    wrapped.train()
    source = pen.torch.capture(wrapped, loader())
    np.testing.assert_allclose(read(source)[0], features, rtol=1e-6, atol=1e-7)
    assert all(module.training for module in wrapped.modules())


@pytest.fixture
def one_process(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_distributed_data_parallel_is_left_aside(one_process):
    model = perceptron()
    features, _ = penultimate_features(model, loader())
    parallel = nn.parallel.DistributedDataParallel(model)
    np.testing.assert_array_equal(read(pen.torch.capture(parallel, loader()))[0], features)
    np.testing.assert_array_equal(
        read(pen.torch.capture(torch.compile(parallel, backend="eager"), loader()))[0], features
    )


def test_mixed_precision_that_was_on_is_on_in_every_pass():
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
    with torch.autocast("cpu", torch.bfloat16):
        source = pen.torch.capture(model, loader())
        expected = torch.cat([model[:2](inputs) for inputs, _ in loader()])
    assert source.dtype == "bfloat16" and expected.dtype == torch.bfloat16
    assert not torch.is_autocast_enabled("cpu")
    np.testing.assert_array_equal(read(source)[0], expected.detach().float().numpy())
    assert pen.audit(source).statistics.samples == 105


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_models_of_other_precision_keep_it(dtype):
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4)).to(dtype)
    batches = [(inputs.to(dtype), labels) for inputs, labels in loader()]
    source = pen.torch.capture(model, batches)
    assert source.dtype == str(dtype).removeprefix("torch.")
    assert pen.audit(source).statistics.samples == 105


def test_the_head_of_several_layers_is_named_by_its_first():
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8), nn.Linear(8, 4))
    with pytest.raises(pen.FeaturesError, match="'2', '3' follow one another"):
        pen.torch.capture(model, loader())
    source = pen.torch.capture(model, loader(), "2")
    assert [layer.shape for layer in source.head.weights] == [(8, 16), (4, 8)] and source.dimension == 16
    features, _ = penultimate_features(model, loader(), last=2)
    with torch.no_grad():
        logits = model(blobs()[0]).numpy()
    np.testing.assert_allclose(source.head.logits(features), logits, rtol=1e-4, atol=1e-6)
    assert pen.audit(source, weight_decay=(1e-3, 2e-3)).last_layer.balance[0] > 0


class Described(nn.Module):
    """As in transformers: named arguments, and an output with logits."""

    def __init__(self, returned):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.classifier, self.returned = nn.Embedding(20, 8), nn.Linear(8, 3), returned

    def forward(self, input_ids, attention_mask):
        logits = self.classifier(self.embedding(input_ids) * attention_mask[..., None])
        return self.returned(logits)


class Output:
    def __init__(self, logits):
        self.logits = logits


RETURNED = {
    "object": Output,
    "mapping": lambda logits: {"loss": torch.tensor(0.0), "logits": logits},
    "tuple": lambda logits: (logits, torch.zeros(1)),
    "wider": lambda logits: logits.double(),
}


@pytest.mark.parametrize("returned", RETURNED)
def test_sequences_are_flattened_and_ignored_positions_left_out(returned):
    model = Described(RETURNED[returned])
    ids = torch.randint(0, 20, (7, 5), generator=torch.Generator().manual_seed(1))
    labels = ids % 3
    labels[:, 3:] = -100
    batches = [
        {"input_ids": ids[rows], "attention_mask": torch.ones(len(rows), 5), "labels": labels[rows]}
        for rows in torch.arange(7).split(3)
    ]
    features, found = read(pen.torch.capture(model, batches, names=("a", "b", "c")))
    np.testing.assert_array_equal(found, labels[:, :3].reshape(-1).numpy())
    np.testing.assert_array_equal(features, model.embedding(ids[:, :3]).detach().reshape(-1, 8).numpy())
    assert pen.torch.capture(model, batches, names=("a", "b", "c")).names == ("a", "b", "c")


def test_other_items_are_unpacked_by_a_function():
    inputs, labels = blobs()
    items = [(index, inputs[index], labels[index]) for index in torch.arange(105).split(20)]
    model = perceptron()
    with pytest.raises(pen.FeaturesError, match=r"gives a tuple of 3, not .inputs, labels.*unpack="):
        pen.torch.capture(model, items)
    with pytest.raises(pen.FeaturesError, match=r"unpack= returned a tuple of 3, and must return .inputs, labels."):
        pen.torch.capture(model, items, unpack=lambda item: item)
    source = pen.torch.capture(model, items, unpack=lambda item: ((item[1],), item[2]))
    np.testing.assert_array_equal(read(source)[1], labels.numpy())


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "loader is empty"),
        ([{"x": torch.zeros(2, 6)}], "mapping with x, of which one must be labels or label"),
        ([torch.zeros(2, 6)], "gives a Tensor, not"),
        ([(torch.zeros(2, 6), torch.tensor([0.0, 1.0]))], "labels are float32"),
        (
            [(torch.full((2, 6), float("nan")), torch.tensor([0, 1]))],
            "gives nothing but NaN or infinity on the first batch",
        ),
        ([(torch.zeros(2, 6), torch.tensor([0, 9]))], "row 1 has 9, outside 0 … 3"),
        ([(torch.zeros(2, 6), torch.tensor([0, 1, 1]))], "shape \\(2, 16\\) entered the head for 3 labels"),
        (iter([(torch.zeros(2, 6), torch.tensor([0, 1]))]), "iterated only once"),
    ],
)
def test_loaders_that_cannot_be_used_are_refused_at_once(items, message):
    model = perceptron()
    with pytest.raises(pen.FeaturesError, match=message):
        pen.torch.capture(model, items)
    assert hooks(model) == 0


def test_an_output_without_logits_is_refused():
    one = torch.zeros(1, 1, dtype=torch.long)
    batches = [{"input_ids": one, "attention_mask": one, "labels": one}]
    with pytest.raises(pen.FeaturesError, match="returns a set without logits"):
        pen.torch.capture(Described(lambda logits: {1}), batches)


def test_shuffling_does_no_harm():
    model = trained()
    plain, shuffled = (pen.audit(pen.torch.capture(model, loader(shuffle=s))) for s in (False, True))
    np.testing.assert_allclose(shuffled.statistics.means, plain.statistics.means, rtol=1e-5, atol=1e-6)
    assert shuffled.decisions.accuracy == plain.decisions.accuracy


def test_a_second_pass_over_other_samples_is_refused():
    data = TensorDataset(*blobs())
    sampler = WeightedRandomSampler(torch.ones(105), 105, generator=torch.Generator().manual_seed(0))
    source = pen.torch.capture(perceptron(), DataLoader(data, batch_size=32, sampler=sampler))
    with pytest.raises(pen.FeaturesError, match=r"gave other samples than in the pass before.*save"):
        pen.audit(source)


class Augmented:
    """Batches with noise that differs from pass to pass."""

    def __init__(self, size):
        self.size = size

    def __iter__(self):
        for inputs, labels in loader():
            yield inputs + self.size * torch.randn_like(inputs), labels


def test_a_second_pass_with_other_features_is_refused_and_one_kept_pass_is_not(tmp_path):
    torch.manual_seed(0)
    model = trained()
    with pytest.raises(pen.FeaturesError, match=r"other features than in the pass before.*augmentation"):
        pen.audit(pen.torch.capture(model, Augmented(0.3)))
    kept = pen.torch.capture(model, Augmented(0.3)).save(tmp_path / "pass.safetensors")
    assert pen.audit(kept).statistics.samples == 105


def test_a_model_that_was_trained_meanwhile_is_noticed():
    model = perceptron()
    source = pen.torch.capture(model, loader())
    read(source)
    with torch.no_grad():
        model[4].weight.mul_(1.01)
    with pytest.raises(pen.FeaturesError, match="changed since; capture it again"):
        read(source)


def test_a_saved_pass_is_the_captured_one_and_memory_holds_a_block(tmp_path, small_blocks):
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8, bias=False), nn.Linear(8, 4))
    source = pen.torch.capture(model, loader(batch_size=16), "2", names=("a", "b", "c", "ü"))
    rows = []
    saved = source.save(tmp_path / "features.safetensors", progress=rows.append)
    assert rows == [48, 32, 25] and saved.names == ("a", "b", "c", "ü") and saved.dtype == "float32"
    for ours, theirs in zip(read(source), read(sources.open_features(tmp_path / "features.safetensors")), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(source.head.weights, saved.head.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(source.head.bias, saved.head.bias)
    assert [entry.name for entry in tmp_path.iterdir()] == ["features.safetensors"]


def test_a_pass_that_fails_leaves_no_file(tmp_path):
    class Broken:
        passes = 0

        def __iter__(self):
            self.passes += 1
            yield from loader()
            if self.passes > 1:  # the first looks at one batch
                raise OSError("a picture is missing")

    with pytest.raises(OSError, match="a picture is missing") as caught:
        pen.torch.capture(perceptron(), Broken()).save(tmp_path / "features.safetensors")
    assert not isinstance(caught.value, pen.FileError) and list(tmp_path.iterdir()) == []
    with pytest.raises(pen.FileError, match=r"written as .safetensors"):
        pen.torch.capture(perceptron(), loader()).save(tmp_path / "features.npz")


def test_an_interrupted_audit_goes_on_and_a_shuffling_loader_is_another_run(tmp_path, small_blocks):
    class Stop(Exception):
        pass

    def interrupt(stage, rows):
        if stage == "answers":
            raise Stop

    model = trained()
    whole = pen.audit(pen.torch.capture(model, loader(batch_size=16)))
    path = tmp_path / "audit.checkpoint"
    with pytest.raises(Stop):
        pen.audit(pen.torch.capture(model, loader(batch_size=16)), checkpoint=path, progress=interrupt)
    torch.manual_seed(1)
    with pytest.raises(pen.FileError, match=r"another run \(data differ"):
        pen.audit(pen.torch.capture(model, loader(batch_size=16, shuffle=True)), checkpoint=path)
    assert pen.audit(pen.torch.capture(model, loader(batch_size=16)), checkpoint=path).to_dict() == whole.to_dict()


def test_memory_holds_a_block_however_many_samples(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 512), nn.ReLU(), nn.Linear(512, 4))
    inputs, labels = torch.randn(512, 6), torch.arange(512) % 4
    source = pen.torch.capture(model, [(inputs, labels)] * 80)  # 84 MB of features
    tracemalloc.start()  # sees what NumPy holds
    try:
        assert source.save(tmp_path / "features.safetensors").samples == 80 * 512
        assert tracemalloc.get_traced_memory()[1] < 45e6
    finally:
        tracemalloc.stop()


def test_a_model_without_numbers_is_told():
    with pytest.raises(pen.FeaturesError, match="meta device"):
        pen.torch.capture(perceptron().to("meta"), loader())


def test_inputs_with_gaps_are_told_by_sample_and_can_be_dropped():
    inputs, labels = next(iter(loader()))
    inputs = inputs.clone()
    inputs[3, 0] = float("nan")
    captured = pen.torch.capture(trained(), [(inputs, labels)])
    with pytest.raises(pen.FeaturesError, match="the first is sample 3"):
        pen.audit(captured)
    assert pen.audit(captured, gaps="drop").statistics.samples == len(labels) - 1
