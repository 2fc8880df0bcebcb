"""Several labels a sample captured from a running model, against a plain loop and the live monitor."""

import numpy as np
import pytest
import torch

import penultimate as pen
from torch_networks import blobs, penultimate_features, perceptron

NAMES = ("cat", "pet", "newt", "eel")


def label_sets(samples=105):
    rng = np.random.default_rng(0)
    return torch.from_numpy((rng.random((samples, 4)) < [0.5, 0.4, 0.2, 0.1]).astype(np.float32))


def batches(labels, size=16):
    inputs = blobs()[0]
    return [(inputs[rows], labels[rows]) for rows in torch.arange(len(labels)).split(size)]


@pytest.fixture(scope="module")
def model():
    return perceptron()


@pytest.mark.parametrize("kind", [torch.float32, torch.int64, torch.bool])
def test_an_audit_of_label_sets_is_that_of_a_plain_loop_and_of_the_monitor(model, kind):
    labels = label_sets()
    items = batches(labels.to(kind))
    captured = pen.audit_label_sets(pen.torch.capture(model, items, names=NAMES), loss="bce")
    features, _ = penultimate_features(model, items)
    head = pen.Head((model[4].weight.detach().numpy(),), model[4].bias.detach().numpy(), names=NAMES)
    plain = pen.audit_label_sets(features, labels.numpy(), head=head, loss="bce")
    monitor = pen.torch.FeatureMonitor(NAMES, 16, head=model[4], label_sets=True)
    monitor.update(torch.from_numpy(features), labels)
    live = pen.audit_label_sets(monitor.statistics(), head=monitor.head, loss="bce")
    assert captured.targets.names == NAMES
    np.testing.assert_array_equal(captured.targets.positives, labels.sum(dim=0).numpy())
    for other in (plain, live):
        for one, two in zip(captured.labels, other.labels, strict=True):
            assert (one.label, one.samples) == (two.label, two.samples)
            assert one.lift == pytest.approx(two.lift, abs=1e-5)
            assert one.separation == pytest.approx(two.separation, rel=1e-4)
        assert captured.shares.within == pytest.approx(other.shares.within, rel=1e-4)


def test_a_saved_pass_is_a_file_of_label_sets(model, tmp_path):
    source = pen.torch.capture(model, batches(label_sets()), names=NAMES)
    path = tmp_path / "features.safetensors"
    source.save(path)
    direct, of_file = pen.audit_label_sets(source), pen.audit_label_sets(path)
    assert of_file.targets.names == NAMES and source.samples == 105
    assert repr(source) == "CapturedLabelSets(features of a Sequential, 4 labels, width 16, float32)"
    np.testing.assert_array_equal(of_file.targets.positives, direct.targets.positives)
    assert [one.lift for one in of_file.labels] == [one.lift for one in direct.labels]


def test_sequences_are_flattened_and_ignored_samples_left_out():
    body = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    labels = torch.tensor([[[0, 1], [1, 1], [-100, 0]], [[0, 0], [1, 0], [-100, -100]]])
    audit = pen.audit_label_sets(pen.torch.capture(body, [(torch.randn(2, 3, 3), labels)]))
    assert audit.targets.samples == 4 and audit.targets.positives.tolist() == [2.0, 2.0]


def test_one_output_is_one_label(model):
    single = torch.nn.Sequential(*model[:4], torch.nn.Linear(16, 1))
    labels = label_sets()[:, :1]
    audit = pen.audit_label_sets(pen.torch.capture(single, batches(labels)))
    assert audit.targets.positives.tolist() == [float(labels.sum())]
    flat = batches(labels[:, 0].float())  # as for BCEWithLogitsLoss on squeezed outputs
    with pytest.raises(pen.FeaturesError, match=r"one output.*labels of shape \(…, 1\), 0 or 1.*through unpack="):
        pen.torch.capture(single, flat)
    same = pen.audit_label_sets(pen.torch.capture(single, flat, unpack=lambda item: (item[0], item[1][:, None])))
    assert same.targets.positives.tolist() == audit.targets.positives.tolist()


def test_labels_in_another_order_than_the_model_names_them_are_put_in_its(model):
    model.config = type("Config", (), {"id2label": dict(enumerate(reversed(NAMES)))})()
    labels = label_sets()
    audit = pen.audit_label_sets(pen.torch.capture(model, batches(labels), names=NAMES))
    del model.config
    assert audit.targets.names == NAMES[::-1]
    np.testing.assert_array_equal(audit.targets.positives, labels.sum(dim=0).numpy()[::-1])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.full((105, 4), 0.5), r"labels hold 0.5 for label 0 of row 0: give 0 or 1"),
        (torch.full((105, 4), torch.nan), r"labels hold nan for label 0 of row 0"),
        (torch.zeros(105, 3), r"shape \(16, 16\) entered the head for labels of shape \(16, 3\).*0 or 1 for each of 4"),
    ],
)
def test_labels_that_are_no_sets_are_refused_at_once(model, labels, message):
    with pytest.raises(pen.FeaturesError, match=message):
        pen.torch.capture(model, batches(labels))


def test_a_later_batch_is_checked_too_and_its_row_counted_from_the_first(model):
    labels = label_sets()
    labels[40, 2] = 7
    with pytest.raises(pen.FeaturesError, match=r"labels hold 7\.0 for label 2 of row 40"):
        pen.audit_label_sets(pen.torch.capture(model, batches(labels)))


def test_each_kind_of_audit_names_the_other(model):
    several, one = (pen.torch.capture(model, batches(labels)) for labels in (label_sets(), torch.arange(105) % 4))
    with pytest.raises(pen.FeaturesError, match=r"several labels each: use pen\.audit_label_sets"):
        pen.audit(several)
    with pytest.raises(pen.FeaturesError, match=r"one label a sample: use pen\.audit"):
        pen.audit_label_sets(one)
    with pytest.raises(pen.FeaturesError, match="leave out targets"):
        pen.audit_label_sets(several, label_sets().numpy())


def test_other_samples_in_a_later_pass_are_noticed(model, tmp_path):
    items = batches(label_sets())
    source = pen.torch.capture(model, items)
    pen.audit_label_sets(source)
    items[0][1][3, 0] = 1 - items[0][1][3, 0]
    with pytest.raises(pen.FeaturesError, match="other samples than in the pass before"):
        source.save(tmp_path / "features.safetensors")
