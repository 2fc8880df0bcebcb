"""Tensors out of PyTorch's own files: by its loader of tensors alone, which nothing else passes."""

import os
import pickle

import numpy as np
import pytest

import penultimate as pen

torch = pytest.importorskip("torch")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.ReLU(), torch.nn.Linear(12, 80))


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("wrap", [lambda held: held, lambda held: {"epoch": 3, "state_dict": held, "lr": [0.1]}])
@pytest.mark.parametrize("suffix", [".pt", ".PTH", ".bin", ".ckpt"])
def test_state_dictionaries_are_read_wherever_they_lie(tmp_path, network, suffix, wrap, old):
    path = tmp_path / f"model{suffix}"
    torch.save(wrap(network.state_dict()), path, _use_new_zipfile_serialization=not old)
    head = pen.Head.read(path)
    np.testing.assert_array_equal(head.weights[0], network[2].weight.detach().numpy())
    np.testing.assert_array_equal(head.bias, network[2].bias.detach().numpy())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_types_and_their_rounding(tmp_path, network, dtype):
    weight = network[2].weight.detach().to(getattr(torch, dtype))
    torch.save({"fc.weight": weight}, tmp_path / "m.pt")
    found = pen.scan(tmp_path / "m.pt")
    assert (found.dtype, found.rounding) == (dtype, {"bfloat16": 2e-3, "float16": 5e-4, "float64": 1e-6}[dtype])
    np.testing.assert_allclose(found.lengths, weight.double().norm(dim=1), rtol=1e-6)


def test_a_tensor_alone_is_the_head(tmp_path, network):
    torch.save(network[2].weight.detach(), tmp_path / "w.pt")
    assert pen.scan(tmp_path / "w.pt").classes == 80


def test_a_folder_with_weights_of_transformers_is_read(tmp_path, network):
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    torch.save({"step": torch.tensor(3)}, tmp_path / "scheduler.pt")
    np.testing.assert_array_equal(pen.Head.read(tmp_path).bias, network[2].bias.detach().numpy())


class Trap:
    def __reduce__(self):
        return (os.system, ("exit 7",))


@pytest.mark.parametrize("write", [torch.save, lambda held, path: path.write_bytes(pickle.dumps(held))])
@pytest.mark.parametrize("make", [Trap, lambda: torch.nn.Linear(3, 4), lambda: {"W": torch.ones(3, 2), "x": Trap()}])
def test_what_holds_more_than_tensors_is_refused(tmp_path, make, write):
    write(make(), tmp_path / "m.pt")
    with pytest.raises(
        pen.FileError, match=r"pickle that holds more than tensors.*safetensors\.torch\.save_file"
    ) as caught:
        pen.scan(tmp_path / "m.pt")
    assert "weights_only" not in str(caught.value)  # nobody is told to switch the safety off


@pytest.mark.parametrize("content", [b"", b"x", b"\x80\x04", b"PK\x03\x04" + bytes(40)])
def test_rubbish_is_refused(tmp_path, content):
    (tmp_path / "m.pth").write_bytes(content)
    with pytest.raises(pen.FileError, match=r"m\.pth: "):
        pen.scan(tmp_path / "m.pth")


def test_tensors_that_are_not_plain_are_refused_by_name(tmp_path):
    torch.save({"fc.weight": torch.eye(70).to_sparse()}, tmp_path / "m.pt")
    with pytest.raises(pen.PenultimateError, match=r"fc\.weight"):
        pen.scan(tmp_path / "m.pt")


def test_without_pytorch_the_error_says_so(tmp_path, network, monkeypatch):
    torch.save(network.state_dict(), tmp_path / "m.pt")
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(pen.MissingDependencyError, match="needs PyTorch"):
        pen.Head.read(tmp_path / "m.pt")
