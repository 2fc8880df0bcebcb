"""Stored numbers that are not the weights: multiplied out as the library that wrote them does, or refused by name."""

import json
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn.utils import prune

from penultimate.archives.narrow import widened
from penultimate.errors import FeaturesError
from penultimate.features.checkpoints.scales import scaled
from penultimate.features.head import Head

CLASSES, WIDTH = 6, 8
RNG = np.random.default_rng(0)
BODY = {"layers.0.mlp.up_proj.weight": torch.ones(32, WIDTH)}


def tensor(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def saved(folder, **tensors):
    path = folder / "model.safetensors"
    save_file({name: value.contiguous() for name, value in (BODY | tensors).items()}, path)
    return path


def written(module, name="fc"):
    return {f"{name}.{key}": value.detach().clone() for key, value in module.state_dict().items()}


def assert_weight(head, weight, rtol=1e-6):
    np.testing.assert_allclose(head.product, np.asarray(weight, dtype=np.float64), rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("kind", ["float8_e4m3fn", "float8_e5m2"])
def test_every_eight_bit_float_is_the_number_that_torch_reads(kind):
    bits = np.arange(256, dtype=np.uint8)
    theirs = torch.tensor(bits).view(getattr(torch, kind)).float().numpy()
    np.testing.assert_array_equal(widened(kind, bits), theirs)


@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("kind", ["old", "parametrized"])
def test_weight_norm(tmp_path, kind, dim):
    layer = torch.nn.Linear(WIDTH, CLASSES)
    torch.nn.init.normal_(layer.weight)
    if kind == "old":
        with pytest.warns(FutureWarning):
            torch.nn.utils.weight_norm(layer, dim=dim)
        layer.weight_g.data.mul_(3.0)
    else:
        torch.nn.utils.parametrizations.weight_norm(layer, dim=dim)
        layer.parametrizations.weight.original0.data.mul_(3.0)
    expected = layer(torch.eye(WIDTH)) - layer.bias
    path = saved(tmp_path, **written(layer))
    head = Head.read(path, classes=CLASSES)
    assert_weight(head, expected.detach().T)
    assert "weight norm" in head.origin and "bias fc.bias" in head.origin
    part = next(name for name in written(layer) if name.endswith(("original1", "weight_v")))
    assert_weight(Head.read(path, key=part), expected.detach().T)


@pytest.mark.parametrize("kind", ["old", "parametrized"])
def test_spectral_norm(tmp_path, kind):
    layer = torch.nn.Linear(WIDTH, CLASSES)
    norm = torch.nn.utils.spectral_norm if kind == "old" else torch.nn.utils.parametrizations.spectral_norm
    layer = norm(layer)
    layer(torch.eye(WIDTH))
    layer.eval()
    expected = (layer(torch.eye(WIDTH)) - layer.bias).detach().T
    assert_weight(Head.read(saved(tmp_path, **written(layer))), expected, rtol=1e-5)


def test_pruned(tmp_path):
    layer = torch.nn.Linear(WIDTH, CLASSES)
    prune.random_unstructured(layer, "weight", 0.5)
    assert_weight(Head.read(saved(tmp_path, **written(layer))), layer.weight.detach())


def test_another_parametrization_is_refused(tmp_path):
    layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(WIDTH, CLASSES))
    with pytest.raises(FeaturesError, match=r"fc\.weight cannot be read.*remove_parametrizations"):
        Head.read(saved(tmp_path, **written(layer)))


SCALES = {
    "rows": ("weight_scale", (CLASSES, 1)),
    "one-number-a-row": ("weight_scale", (CLASSES,)),
    "one": ("weight_scale", (1,)),
    "none-but-one": ("scale", ()),
    "columns": ("scales", (1, WIDTH)),
    "groups": ("weight_scale", (CLASSES, 4)),
    "blocks": ("weight_scale_inv", (3, 2)),
    "quanto": ("weight._scale", (CLASSES, 1)),
    "modelopt": ("weight_scaling_factor", ()),
}


def spread(scale):
    """The scale of every number, by NumPy's Kronecker product."""
    values = np.asarray(scale, dtype=np.float64).reshape((-1, 1) if scale.ndim == 1 else scale.shape or (1, 1))
    return np.kron(values, np.ones((CLASSES // values.shape[0], WIDTH // values.shape[1])))


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn, torch.float8_e5m2])
def test_scales(tmp_path, kind, dtype):
    name, shape = SCALES[kind]
    stored = (20 * tensor(CLASSES, WIDTH)).to(dtype)
    scale = tensor(*shape, seed=1).abs() + 0.01
    weight = "fc.weight._data" if kind == "quanto" else "fc.weight"
    path = saved(tmp_path, **{weight: stored, f"fc.{name}": scale, "fc.bias": tensor(CLASSES)})
    head = Head.read(path, classes=CLASSES)
    assert_weight(head, stored.double().numpy() * spread(scale.numpy()))
    assert f"fc.{name}" in head.origin and "bias fc.bias" in head.origin
    np.testing.assert_array_equal(head.bias, tensor(CLASSES))


def test_zero_points_are_taken_off_first(tmp_path):
    stored = torch.randint(0, 256, (CLASSES, WIDTH), dtype=torch.uint8)
    scale, zero = tensor(CLASSES, 1).abs(), torch.randint(0, 256, (CLASSES, 1), dtype=torch.uint8)
    path = saved(tmp_path, **{"score.weight": stored, "score.weight_scale": scale, "score.weight_zero_point": zero})
    naive = [
        [(int(number) - int(zero[row])) * float(scale[row]) for number in numbers] for row, numbers in enumerate(stored)
    ]
    assert_weight(Head.read(path), naive)


def test_bitsandbytes_counts_127_steps_to_the_largest_of_a_row(tmp_path):
    weight = tensor(CLASSES, WIDTH)
    largest = weight.abs().amax(dim=1)
    stored = torch.round(weight / largest[:, None] * 127).to(torch.int8)
    path = saved(
        tmp_path,
        **{
            "lm_head.weight": stored,
            "lm_head.SCB": largest,
            "lm_head.weight_format": torch.tensor(0, dtype=torch.uint8),
        },
    )
    np.testing.assert_allclose(Head.read(path).product, weight, atol=float(largest.max()) / 254 + 1e-6)


def test_blocks_of_128_with_a_shorter_last_one():
    stored = RNG.integers(-100, 100, (300, 200)).astype(np.int8)
    scale = RNG.random((3, 2)).astype(np.float32)
    expected = stored * np.kron(scale, np.ones((128, 128)))[:300, :200]
    np.testing.assert_allclose(scaled(stored, scale, None, "weight_scale_inv"), expected, rtol=1e-6)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(1, 12))
def test_blocks_are_right_or_refused(rows, columns, down, across):
    stored = np.ones((rows, columns), np.int8)
    cut = (np.arange(rows) // down, np.arange(columns) // across)
    scale = RNG.random((cut[0].max() + 1, cut[1].max() + 1))
    try:
        found = scaled(stored, scale, None, "weight_scale")
    except FeaturesError:
        return
    if (rows, columns) == (down * scale.shape[0], across * scale.shape[1]):
        np.testing.assert_allclose(found, scale[np.ix_(*cut)], rtol=1e-6)


ONES = torch.ones(CLASSES, WIDTH)
REFUSED = {
    "no-scale": (
        {"fc.weight": torch.ones(CLASSES, WIDTH, dtype=torch.int8)},
        "int8 numbers, and no scale is beside it",
    ),
    "whole-numbers": ({"fc.weight": torch.ones(CLASSES, WIDTH, dtype=torch.int64)}, "int64 numbers, and no scale"),
    "float8": (
        {"fc.weight": torch.ones(CLASSES, WIDTH).to(torch.float8_e4m3fn)},
        "float8_e4m3fn numbers, and no scale",
    ),
    "two-factors": ({"fc.weight_v": tensor(CLASSES, WIDTH), "fc.bias": tensor(CLASSES)}, "only fc.weight_v"),
    "scale-of-another": (
        {"fc.weight": ONES.to(torch.int8), "fc.weight_scale": torch.ones(5, 1)},
        r"fc.weight_scale of shape \(5, 1\) does not tell",
    ),
    "fractions": (
        {"fc.weight": tensor(CLASSES, WIDTH), "fc.weight_scale": torch.ones(CLASSES, 1)},
        "float32 fractions and fc.weight_scale is beside it",
    ),
    "four-bits": (
        {
            "lm_head.weight": torch.ones(24, 1, dtype=torch.uint8),
            "lm_head.weight.absmax": torch.ones(4),
            "lm_head.weight.quant_map": torch.ones(16),
        },
        "packed in few bits .*save it in bfloat16",
    ),
    "gptq": (
        {"lm_head.qweight": torch.ones(1, CLASSES, dtype=torch.int32), "lm_head.scales": torch.ones(1, CLASSES)},
        "lm_head.weight cannot be read as a weight: it is packed",
    ),
    "compressed": (
        {"lm_head.weight_packed": torch.ones(CLASSES, 1, dtype=torch.int32), "lm_head.weight_scale": torch.ones(6, 1)},
        "it is packed",
    ),
    "adapter": (
        {"score.base_layer.weight": tensor(CLASSES, WIDTH), "score.lora_A.default.weight": tensor(2, WIDTH)},
        "merge the adapter",
    ),
    "bias": (
        {"fc.weight": tensor(CLASSES, WIDTH), "fc.bias": torch.ones(CLASSES, dtype=torch.int8)},
        "fc.bias holds int8",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_undone_is_refused_by_name(tmp_path, case):
    tensors, message = REFUSED[case]
    for known in ({}, {"classes": CLASSES}):
        with pytest.raises(FeaturesError, match=message):
            Head.read(saved(tmp_path, **tensors), **known)


def test_whole_numbers_in_wide_floats_are_multiplied_too(tmp_path):
    stored, scale = torch.randint(-127, 128, (CLASSES, WIDTH)).half(), tensor(CLASSES, 1).abs()
    path = saved(tmp_path, **{"fc.weight": stored, "fc.weight_scale": scale})
    assert_weight(Head.read(path), (stored.double() * scale).numpy())


def test_a_scale_that_is_a_layer_of_the_network_is_left_alone(tmp_path):
    weight = tensor(CLASSES, WIDTH)
    path = saved(tmp_path, **{"head.weight": weight, "head.scale": torch.ones(1), "logit_scale": torch.ones(1)})
    assert_weight(Head.read(path), weight)


def test_named_arrays_follow_the_same_rules(tmp_path):
    weight, scale = RNG.integers(-100, 100, (CLASSES, WIDTH)).astype(np.int8), RNG.random((CLASSES, 1))
    np.savez(tmp_path / "head.npz", W=weight, W_scale=scale, b=np.zeros(CLASSES))
    assert_weight(Head.read(tmp_path / "head.npz"), weight * scale)
    np.savez(tmp_path / "head.npz", W=weight, b=np.zeros(CLASSES))
    with pytest.raises(FeaturesError, match="W cannot be read as a weight: it holds int8 numbers"):
        Head.read(tmp_path / "head.npz")


def test_only_the_heads_bytes_are_read(tmp_path):
    path = tmp_path / "model.safetensors"
    head, body = tensor(CLASSES, WIDTH).numpy(), (1 << 20, 512)
    size = body[0] * body[1] * 4
    header = {
        "lm_head.weight": {"dtype": "F32", "shape": head.shape, "data_offsets": [size, size + head.nbytes]},
        "model.layers.0.mlp.up_proj.weight": {"dtype": "F32", "shape": body, "data_offsets": [0, size]},
    }
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.seek(size, 1)  # two GiB of nothing, which take no room on the disk
        file.write(head.tobytes())
    tracemalloc.start()
    found = Head.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found.weights[0], head)
    assert peak < 4 << 20
