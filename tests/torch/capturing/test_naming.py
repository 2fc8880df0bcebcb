"""Class names of captured features: those of the data set or the model, and labels in the model's order."""

from types import SimpleNamespace

import numpy as np
import pytest
from torch.utils.data import DataLoader, Subset, TensorDataset

import penultimate as pen
from torch_networks import blobs, loader, trained


class Folder(TensorDataset):
    """Blobs with names of their labels, as torchvision has them."""

    def __init__(self, names, target_transform=None):
        super().__init__(*blobs())
        self.classes, self.target_transform = names, target_transform


def named_model(names):
    model = trained()
    model.config = SimpleNamespace(id2label=dict(enumerate(names)))
    return model


def captured(dataset, model=None, **options):
    return pen.torch.capture(trained() if model is None else model, DataLoader(dataset, batch_size=32), **options)


NAMES = ("ant", "bee", "cat", "dog")


@pytest.mark.parametrize("wrapped", [lambda data: data, lambda data: Subset(Subset(data, range(100)), range(80))])
def test_names_are_those_of_the_data_set(wrapped):
    source = captured(wrapped(Folder(list(NAMES))))
    assert source.names == source.head.names == NAMES
    assert pen.audit(source, weight_decay=5e-3).counts.names == NAMES


def test_names_given_go_before_those_of_the_data_set():
    assert captured(Folder(list(NAMES)), names=["a", "b", "c", "d"]).names == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    "dataset",
    [Folder(["ant", "bee"]), Folder(list(NAMES), target_transform=lambda y: 3 - y), Folder(None), Folder("abcd")],
)
def test_names_that_are_not_those_of_the_labels_are_left_out(dataset):
    assert captured(dataset).names is None


def test_names_of_a_hugging_face_column_and_of_a_model_that_knows_them():
    batches = list(loader())
    table = SimpleNamespace(features={"x": 1, "label": SimpleNamespace(names=list(NAMES))}, column_names=["x", "label"])

    class Loader(list):
        dataset = table

    assert pen.torch.capture(trained(), Loader(batches)).names == NAMES
    assert pen.torch.capture(named_model(NAMES), batches).names == NAMES
    assert pen.torch.capture(named_model([f"LABEL_{k}" for k in range(4)]), batches).names is None


@pytest.mark.parametrize("model_names", [("DOG", "ANT", "CAT", "BEE"), ("dog", "ant", "cat", "bee")])
def test_labels_are_put_in_the_order_in_which_the_model_names_the_classes(model_names):
    (_, labels), source = blobs(), captured(Folder(list(NAMES)), named_model(model_names))
    assert source.names == ("dog", "ant", "cat", "bee")
    found = np.concatenate([batch.labels for batch in source.batches()])
    # ant is the model's class 1, bee 3, cat 2, dog 0.
    np.testing.assert_array_equal(found, np.array([1, 3, 2, 0])[labels])
    np.testing.assert_array_equal(np.concatenate(list(source.labels())), found)


def test_a_data_set_and_a_model_that_name_other_classes_are_refused_unless_the_user_says():
    model, data = named_model(("ant", "bee", "cat", "eel")), Folder(list(NAMES))
    with pytest.raises(
        pen.FeaturesError, match=r"the data set and the model's configuration name different.*give names="
    ):
        captured(data, model)
    assert captured(data, model, names=NAMES).names == NAMES


def test_a_capture_is_shown_in_one_line():
    assert (
        repr(captured(Folder(list(NAMES))))
        == "CapturedFeatures(features of a Sequential, 4 classes, width 16, float32)"
    )
