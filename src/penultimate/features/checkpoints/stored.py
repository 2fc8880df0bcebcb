"""What the arrays of a checkpoint stand for: a weight may be stored as it is, in two factors, or in few bits.

Whole numbers and 8-bit floats are multiplied by the scales beside them, which go by several names; the parts that
normalisations and pruning leave are put together. What cannot be made a weight is refused by name, never taken for one.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.packed import Packed, read_packed
from penultimate.errors import FeaturesError, FileError
from penultimate.features.checkpoints.scales import scaled

if TYPE_CHECKING:
    from penultimate.archives.archive import Archive, Layout

_FLOATS = ("float16", "bfloat16", "float32", "float64")
# Relative rounding of stored numbers, a few units in the last place, for rows are compared in single precision; of
# eight bits whose largest takes all steps, half a step over the usual size of a number.
ROUNDING = {
    **{"float64": 1e-6, "float32": 1e-6, "float16": 5e-4, "bfloat16": 2e-3},
    **{"int8": 1e-2, "uint8": 1e-2, "float8_e4m3fn": 4e-2, "float8_e5m2": 8e-2},
}
# What follows the name of a weight in the names of its parts, and what the part is: PyTorch's weight norm, spectral
# norm and pruning; compressed-tensors, DeepSeek, ModelOpt, quanto and bitsandbytes.
_AFTER = {
    "_g": "length",
    "_v": "direction",
    "_orig": "original",
    "_u": "left",
    "_mask": "mask",
    "._data": "numbers",
    "_scale": "scale",
    "_scales": "scale",
    "_scale_inv": "scale",
    "_scaling_factor": "scale",
    ".scale": "scale",
    "._scale": "scale",
    ".SCB": "scale",
    "_SCB": "scale",
    "_zero_point": "zero",
    "_zero_points": "zero",
    "_zp": "zero",
    ".zero_point": "zero",
    "._zeropoint": "zero",
    "_packed": "packed",
    "_blocks": "packed",
    ".absmax": "packed",
    ".quant_map": "packed",
    "_scale_2": "packed",
    "_global_scale": "packed",
}
# The same where the module's name comes first: fc.scale beside fc.weight.
_BESIDE = {
    "scale": "scale",
    "scales": "scale",
    "scale_inv": "scale",
    "SCB": "scale",
    "zero_point": "zero",
    "zero_points": "zero",
    "zeros": "zero",
    "qweight": "packed",
    "qzeros": "packed",
}
# Parts that make a weight without any array of the weight's own name.
_ALONE = ("length", "direction", "original", "numbers", "packed")
# How torch.nn.utils.parametrizations calls the same parts.
_PARAMETRIZED = {"original": "_orig", "original0": "_g", "original1": "_v", "0._u": "_u", "0._v": "_v"}
# So many numbers are widened once: as float32 they take no more than 512 MiB.
_SMALL = 1 << 27
_ADAPTER = re.compile(r"(^|[._])(lora|ia3|hada|oft)_")


@dataclass(frozen=True)
class Stored:
    """A weight of a checkpoint, not yet read.

    Attributes
    ----------
    name : str
        That of an array, or for weights in several parts what it would be in one.
    shape : tuple of int
        Rows and columns; of convolutions of size 1 without the ones.
    parts : tuple of str
        The arrays that it is made of, the main one first.
    how : str
        What is done with them; empty where the weight is stored as it is.
    refused : str
        Why it cannot be made, and the way out; empty where it can.
    dtype : str
        What its numbers are stored in.
    rounding : float
        How far they lie from what was rounded, relative to their usual size.
    """

    name: str
    shape: tuple[int, int]
    parts: tuple[str, ...]
    how: str = ""
    refused: str = ""
    dtype: str = "float32"
    rounding: float = ROUNDING["float32"]
    _made: "Callable[..., NDArray[Any]]" = np.asarray

    def read(self, archive: "Archive") -> NDArray[Any]:
        """The weight, of shape `shape`; only its parts are read.

        Raises
        ------
        FeaturesError
            When it cannot be made from what is stored.
        """
        if self.refused:
            raise FeaturesError(f"{self.name} cannot be read as a weight: {self.refused}")
        return self._made(*map(archive.read, self.parts)).reshape(self.shape)

    def packed(self, archive: "Archive") -> Packed | NDArray[Any]:
        """The weight as it lies in the file, where that saves memory and nothing is to be done with it but to widen it.

        Raises
        ------
        FeaturesError
            As `read`.
        """
        plain = len(self.parts) == 1 and not self.how and not self.refused
        if math.prod(self.shape) <= _SMALL or not plain or archive.layout(self.parts[0]).shape != self.shape:
            return self.read(archive)
        return read_packed(archive, self.parts[0])


def stored_weights(archive: "Archive") -> dict[str, Stored]:
    """All weights of two sides, by name, in the order of the file; none of them is read.

    Parameters
    ----------
    archive : Archive
        Open. Arrays of it that cannot be looked at, such as pickled ones, are left out.

    Returns
    -------
    dict of str to Stored
    """
    families: dict[str, dict[str, str]] = {}
    plain = {_plain(name): name for name in archive.names()}
    for name, array in plain.items():
        weight, part = _part(name, plain)
        families.setdefault(weight, {}).setdefault(part, array)
    found: dict[str, Stored] = {}
    for name, parts in families.items():
        main = next((parts[part] for part in ("numbers", "original", "direction", "packed") if part in parts), None)
        weight = main is not None and not _ADAPTER.search(name) and not re.search(r"bias(:0)?$", name)
        layout = _layout(archive, main) if main is not None and weight else None
        sides = None if layout is None else _sides(layout.shape, "kernel" in name.casefold(), "packed" in parts)
        if layout is not None and sides is not None:
            made = _stored(name, parts, sides, layout, families)
            rounding = layout.rounding or ROUNDING.get(layout.dtype, ROUNDING["float32"])
            found[name] = replace(made, dtype=layout.dtype, rounding=rounding)
    return found


def _plain(name: str) -> str:
    """The name of a part as the older functions of PyTorch give it."""
    found = re.fullmatch(r"(.*?)parametrizations\.(\w+)\.(original[01]?|0\._[uv])", name)
    return name if found is None else f"{found[1]}{found[2]}{_PARAMETRIZED[found[3]]}"


def _part(name: str, names: Mapping[str, str]) -> tuple[str, str]:
    """The weight that an array belongs to, and what it is of it."""
    for after, part in _AFTER.items():
        weight = name.removesuffix(after)
        if weight == name or not (weight.endswith("weight") or part in ("scale", "zero")):
            continue
        if part in _ALONE or weight in names or f"{weight}._data" in names or f"{weight}_orig" in names:
            return weight, part
    prefix, last = _split(name)
    if last in _BESIDE:
        known = [f"{prefix}{word}" for word in ("weight", "kernel", "W") if f"{prefix}{word}" in names]
        if known or last == "qweight":
            return (known or [f"{prefix}weight"])[0], f"module's {_BESIDE[last]}" if known else _BESIDE[last]
    return name, "numbers"


def _split(name: str) -> tuple[str, str]:
    last = re.split(r"[./]", name)[-1]
    return name[: len(name) - len(last)], last


def _layout(archive: "Archive", name: str) -> "Layout | None":
    try:
        return archive.layout(name)
    except FileError:
        return None


def _sides(shape: Sequence[int], channels_last: bool, packed: bool) -> tuple[int, int] | None:
    """Rows and columns of a matrix, or of a convolution of size 1, whose channels Keras has last."""
    if packed:
        return (0, 0)
    if not 2 <= len(shape) <= 5 or not all(shape):
        return None
    pair, ones = (shape[-2:], shape[:-2]) if channels_last else (shape[:2], shape[2:])
    return (pair[0], pair[1]) if all(side == 1 for side in ones) else None


def _stored(
    name: str, parts: Mapping[str, str], sides: tuple[int, int], layout: "Layout", families: Mapping[str, object]
) -> Stored:
    """Put the parts together, or say why that cannot be."""

    def refused(why: str) -> Stored:
        return Stored(name, sides, tuple(parts.values()), refused=why)

    if "packed" in parts:
        return refused(f"it is packed in few bits ({parts['packed']}): load the model and save it in bfloat16")
    if "original" in parts:
        return _restored(name, parts, sides)
    if "direction" in parts:
        if "length" not in parts:
            return refused(f"of its weight norm there is only {parts['direction']}: save both parts")
        both = (parts["direction"], parts["length"])
        return Stored(name, sides, both, f"weight norm of {both[0]} and {both[1]}", _made=_of_weight_norm)
    adapter = _adapter(name, families)
    if adapter:
        return refused(f"{adapter} is to be added, by a factor that is not here: merge the adapter and save again")
    dtype = layout.dtype
    numbers, few_bits = parts["numbers"], dtype not in _FLOATS and layout.rounding is None
    scale = parts.get("scale") or (parts.get("module's scale") if few_bits else None)
    zero = parts.get("zero") or (parts.get("module's zero") if few_bits else None)
    if scale is None:
        way = "multiply it with its scale, or if it has none save it as float32"
        return (
            refused(f"it holds {dtype} numbers, and no scale is beside it: {way}")
            if few_bits
            else Stored(name, sides, (numbers,))
        )
    how = f"{dtype} times {scale}" if zero is None else f"{dtype} less {zero}, times {scale}"

    def multiplied(stored: NDArray[Any], scale_: NDArray[Any], zero_: NDArray[Any] | None = None) -> NDArray[Any]:
        if not few_bits and np.any(stored != np.round(stored)):
            raise FeaturesError(
                f"{name} cannot be read as a weight: it holds {dtype} fractions and {scale} is beside it, so it is not "
                "known whether that was multiplied in: save the weight alone"
            )
        return scaled(stored.reshape(sides), scale_, zero_, scale)

    return Stored(name, sides, (numbers, scale) if zero is None else (numbers, scale, zero), how, _made=multiplied)


def _restored(name: str, parts: Mapping[str, str], sides: tuple[int, int]) -> Stored:
    """A weight that is divided by its largest singular value, or multiplied by a mask, when the network runs."""
    original = parts["original"]
    if "left" in parts and "direction" in parts:
        needed = (original, parts["left"], parts["direction"])
        return Stored(name, sides, needed, f"spectral norm of {original}", _made=_of_spectral_norm)
    if "mask" in parts:
        return Stored(name, sides, (original, parts["mask"]), f"{original} times its mask", _made=np.multiply)
    way = "remove it (torch.nn.utils.parametrize.remove_parametrizations) and save again"
    return Stored(name, sides, (original,), refused=f"{original} is what a parametrization starts from: {way}")


def _adapter(name: str, families: Mapping[str, object]) -> str | None:
    prefix = _split(name)[0].removesuffix("base_layer.")
    return next((other for other in families if prefix and other.startswith(f"{prefix}lora_")), None)


def _of_weight_norm(direction: NDArray[Any], length: NDArray[Any]) -> NDArray[np.float32]:
    """``g v / ‖v‖``, the norm over all sides along which g is one number."""
    v, g = direction.astype(np.float64), length.astype(np.float64)
    if g.size != 1 and (
        g.ndim != v.ndim or any(side not in (1, full) for side, full in zip(g.shape, v.shape, strict=True))
    ):
        raise FeaturesError(f"the parts of a weight norm have shapes {v.shape} and {g.shape}, which do not fit")
    axes = tuple(range(v.ndim)) if g.size == 1 else tuple(axis for axis in range(v.ndim) if g.shape[axis] == 1)
    size = np.sqrt(np.sum(v * v, axis=axes, keepdims=True))
    return (v * (g.reshape(size.shape) / np.maximum(size, np.finfo(np.float64).tiny))).astype(np.float32)


def _of_spectral_norm(weight: NDArray[Any], left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float32]:
    """``W / uᵀWv``, with the vectors that training left."""
    flat, u, v = weight.reshape(len(weight), -1).astype(np.float64), left.ravel(), right.ravel()
    if flat.shape != (u.size, v.size):
        raise FeaturesError(f"the vectors of a spectral norm have {u.size} and {v.size} numbers for {flat.shape}")
    return (flat / (u.astype(np.float64) @ flat @ v.astype(np.float64))).astype(np.float32)
