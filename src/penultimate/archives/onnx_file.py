"""Weights of the layers of an ONNX graph, by the `onnx` package: stored ones, and what the graph makes of them."""

import ast
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Layout, check_size, reporting_damage
from penultimate.archives.blocks import spans
from penultimate.archives.onnx_graph import Graph, Weight
from penultimate.errors import FileError
from penultimate.optional import needed

_FLOATS = {"FLOAT": "float32", "FLOAT16": "float16", "DOUBLE": "float64", "BFLOAT16": "bfloat16"}
# Half a step over the usual size of a number, of numbers of so many bits whose largest takes all steps.
_ROUNDING = {
    **{"INT8": 1e-2, "UINT8": 1e-2, "INT16": 1e-4, "UINT16": 1e-4, "INT4": 0.15, "UINT4": 0.15},
    **{"FLOAT8E4M3FN": 4e-2, "FLOAT8E5M2": 8e-2},
}
# What keeps the sides of a matrix, or swaps them.
_SHAPED = ("Identity", "Cast", "DequantizeLinear", "Sub", "Mul", "Transpose")
# The key under which recognisers of PaddleOCR list their characters; a blank goes before them, a space may follow.
_CHARACTERS = "character"


@contextmanager
def open_onnx(path: Path) -> Generator["OnnxArchive"]:
    """Open a .onnx file; tensors that lie in files beside it are read when they are asked for.

    Parameters
    ----------
    path : Path

    Yields
    ------
    OnnxArchive

    Raises
    ------
    FileError
        When it is damaged.
    MissingDependencyError
        When `onnx` is not installed.
    """
    onnx = needed("onnx", "models", "reading ONNX")
    needed("onnx.reference", "models", "reading ONNX")
    with reporting_damage(path, "a .onnx file"):
        yield OnnxArchive(path, onnx.load(path, load_external_data=False), onnx)


class OnnxArchive:
    """Weights of a graph, one row for each output, named after the stored tensors: ``NAME.weight`` and ``NAME.bias``.

    Parameters
    ----------
    path : Path
    model : ModelProto
    onnx : module
    """

    def __init__(self, path: Path, model: Any, onnx: Any) -> None:
        self._path = path
        self._model = model
        self._onnx = onnx
        tensors = {str(tensor.name): tensor for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                tensors.update((node.output[0], part.t) for part in node.attribute if part.name == "value")
        nodes = [node for node in model.graph.node if node.op_type != "Constant"]
        self._graph = Graph(nodes, tensors, [str(output.name) for output in model.graph.output])
        self._held: dict[str, Callable[[], NDArray[Any]]] = {}
        self._layouts: dict[str, Layout] = {}
        self._tied: set[str] = set()
        for source, weight in self._graph.weights.items():
            self._add(source, weight)

    def names(self) -> list[str]:
        """Names of weights and biases."""
        return list(self._layouts)

    def layout(self, name: str) -> Layout:
        """Shape and type of a weight or bias."""
        return self._layouts[name]

    def read(self, name: str) -> NDArray[Any]:
        """A weight or bias, as floats."""
        return self._held[name]()

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of a weight from `start` on, cut at the multiples of `size`."""
        whole = self.read(name)
        for first, end in spans(start, len(whole), size):
            yield whole[first:end]

    def classes(self) -> Sequence[object] | None:
        """Names may stand in the metadata under any key: `vocabulary`."""
        return None

    def last(self) -> list[str]:
        """The weights that outputs are computed with."""
        return [f"{_layer(source)}.weight" for source in self._graph.last()]

    def is_tied(self, name: str) -> bool:
        """Whether rows of a weight are also looked up as an embedding."""
        return name in self._tied

    def vocabulary(self, rows: int) -> Sequence[object] | None:
        """So many names, out of the metadata."""
        for entry in self._model.metadata_props:
            names = _listed(entry.value)
            missing = rows - len(names)
            if entry.key == _CHARACTERS and 1 <= missing <= 2:
                names = ["<blank>", *names, *[" "] * (missing - 1)]
            if len(names) == rows:
                return names
        return None

    def _add(self, source: str, weight: Weight) -> None:
        tensor = self._graph.tensors[source]
        kind = str(self._onnx.TensorProto.DataType.Name(tensor.data_type))
        shape = tuple(tensor.dims) if weight.refused else self._shape(weight)
        pair = shape[:2]
        if len(shape) < 2 or any(side != 1 for side in shape[2:]):
            return
        name = f"{_layer(source)}.weight"
        made = bool(weight.refused or weight.scale) or weight.value != source
        rounding = _ROUNDING.get(kind) if made else None
        called = _FLOATS.get(kind, kind.lower())
        self._layouts[name] = Layout(pair[::-1] if weight.turned else pair, called, rounding)
        self._held[name] = lambda: self._weight(weight, pair)
        if weight.embedding:
            self._tied.add(name)
        if weight.bias:
            bias = self._fold(weight.bias)
            if bias.size == self._layouts[name].shape[0] and bias.dtype.kind == "f":
                self._layouts[f"{_layer(source)}.bias"] = Layout((bias.size,), bias.dtype.name)
                self._held[f"{_layer(source)}.bias"] = lambda: bias.ravel()

    def _shape(self, weight: Weight) -> tuple[int, ...]:
        """Shape of what is multiplied with; none of it is computed where the graph does no more than widen and turn."""
        kinds = [node.op_type for node in self._graph.making(weight.value)]
        if any(kind not in _SHAPED for kind in kinds):
            return self._fold(weight.value).shape
        sides = tuple(self._graph.tensors[weight.source].dims)
        return sides[::-1] if len(sides) == 2 and kinds.count("Transpose") % 2 else sides

    def _weight(self, weight: Weight, pair: tuple[int, ...]) -> NDArray[Any]:
        if weight.refused:
            raise FileError(
                f"{self._path}: {weight.source} cannot be read as a weight: {weight.refused}: export the "
                "model in float32 or float16"
            )
        check_size(pair, 4, f"{self._path}: {weight.source}")
        made = self._fold(weight.value).reshape(pair)
        if weight.zero:
            made = made.astype(np.float32) - self._across(weight, weight.zero)
        if weight.scale:
            made = made.astype(np.float32) * self._across(weight, weight.scale)
        made = made if made.dtype.kind == "f" else made.astype(np.float32)
        return np.ascontiguousarray(made.T) if weight.turned else made

    def _across(self, weight: Weight, name: str) -> NDArray[np.float32]:
        """A scale or zero point, one or one for each output, as it goes with the stored matrix."""
        held = self._fold(name).astype(np.float32).ravel()
        return held if weight.turned or held.size == 1 else held[:, None]

    def _fold(self, value: str) -> NDArray[Any]:
        """A value that the graph makes of stored tensors."""
        if value in self._graph.tensors:
            return self._stored(value)
        nodes = self._graph.making(value)
        given = {name for node in nodes for name in node.input if name in self._graph.tensors}
        for name in given:
            self._load(name)
        named: list[Any] = []
        for name in given:
            tensor = self._onnx.TensorProto()
            tensor.CopyFrom(self._graph.tensors[name])
            tensor.name = name
            named.append(tensor)
        out = self._onnx.ValueInfoProto(name=value)
        graph = self._onnx.helper.make_graph(nodes, "weight", [], [out], initializer=named)
        part = self._onnx.helper.make_model(graph, opset_imports=self._model.opset_import)
        (made,) = self._onnx.reference.ReferenceEvaluator(part).run(None, {})
        return _floats(np.asarray(made))

    def _stored(self, name: str) -> NDArray[Any]:
        self._load(name)
        return _floats(self._onnx.numpy_helper.to_array(self._graph.tensors[name]))

    def _load(self, name: str) -> None:
        """Bring a tensor here that lies in a file beside the model."""
        tensor = self._graph.tensors[name]
        if tensor.data_location != self._onnx.TensorProto.EXTERNAL or tensor.raw_data:
            return
        place = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        if not place or not (self._path.parent / place).is_file():
            raise FileError(f"{self._path}: {name} is said to lie in {place!r} beside it, which is not there: add it")
        helper = self._onnx.external_data_helper
        helper.load_external_data_for_tensor(tensor, str(self._path.parent))


def _floats(array: NDArray[Any]) -> NDArray[Any]:
    """Kinds that NumPy lacks, as float32."""
    return array if array.dtype.kind in "fiub" else array.astype(np.float32)


def _layer(source: str) -> str:
    return source.removesuffix(".weight")


def _listed(text: str) -> list[object]:
    """A list, out of a value of the metadata: JSON or Python's notation, names by their numbers, or one a line."""
    for parse in (json.loads, ast.literal_eval):
        try:
            held: object = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(held, list | tuple):
            return list(cast(Sequence[object], held))
        if isinstance(held, dict):
            return _by_number(cast(Mapping[object, object], held))
    return list(text.split("\n"))


def _by_number(named: Mapping[object, object]) -> list[object]:
    """``{0: "cat", 1: "dog"}``, or ``{"cat": 0, "dog": 1}``, as a list."""
    for pairs in (named.items(), [(value, key) for key, value in named.items()]):
        numbered = {int(str(key)): value for key, value in pairs if str(key).isdecimal()}
        if len(numbered) == len(named) and sorted(numbered) == list(range(len(named))):
            return [numbered[number] for number in range(len(named))]
    return []
