"""Which tensors of an ONNX graph are the weights of its layers, and which layer its outputs are computed with.

A weight is whatever the graph makes of stored tensors alone: an initialiser or the output of a Constant node, perhaps
turned, cast, or multiplied with its scale. The last layer is the one between which and the outputs no other stands.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

# Where the nodes that multiply with a weight have it, its scale, its zero point and their bias.
_PLACES: Mapping[str, tuple[int, int | None, int | None, int | None]] = {
    "MatMul": (1, None, None, None),
    "Gemm": (1, None, None, 2),
    "Conv": (1, None, None, 2),
    "Gather": (0, None, None, None),
    "MatMulInteger": (1, None, 3, None),
    "QLinearMatMul": (3, 4, 5, None),
    "QGemm": (3, 4, 5, 6),
    "DynamicQuantizeMatMul": (1, 2, 3, 4),
}
# Others that have weights: nothing that lies before them is the last layer.
_OTHERS = frozenset(
    "ConvTranspose ConvInteger QLinearConv LSTM GRU RNN MatMulNBits MatMulBnb4 MatMulFpQ4 Attention "
    "QAttention FusedMatMul FusedGemm FusedConv QEmbedLayerNormalization EmbedLayerNormalization".split()
)
# Of nodes that these outputs have, the weight is their second input.
_PACKED = frozenset(("MatMulNBits", "MatMulBnb4", "MatMulFpQ4"))
_UNCHANGED = ("Identity", "Cast")
_MOVING = ("Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten")
# TensorProto's numbers for float32, float16, float64 and bfloat16.
_FLOATING = (1, 10, 11, 16)
# What depends on how many numbers there are and not on which.
_SHAPES = ("Shape", "Size")
# Without inputs, and not the same each time.
_RANDOM = ("RandomNormal", "RandomUniform")


@dataclass(frozen=True)
class Weight:
    """Where a layer has its weight.

    Attributes
    ----------
    value : str
        The tensor that is multiplied with.
    source : str
        The stored tensor that it is made of.
    turned : bool
        Whether it has a column for each output.
    scale, zero, bias : str
        Names of these tensors; empty where there is none.
    embedding : bool
        Whether rows are looked up, besides or instead of being multiplied with.
    refused : str
        Why it cannot be read; empty where it can.
    """

    value: str
    source: str
    turned: bool
    scale: str = ""
    zero: str = ""
    bias: str = ""
    embedding: bool = False
    refused: str = ""


class Graph:
    """The nodes of an ONNX graph, by what they read and make.

    Parameters
    ----------
    nodes : sequence of NodeProto
        In the order in which they run.
    tensors : mapping of str to TensorProto
        Those that are stored.
    outputs : sequence of str
    """

    def __init__(self, nodes: Sequence[Any], tensors: Mapping[str, Any], outputs: Sequence[str]) -> None:
        self.tensors = tensors
        self._outputs = outputs
        self._nodes = nodes
        self._maker = {name: node for node in nodes for name in node.output if name}
        self._readers: dict[str, list[Any]] = {}
        self._fixed = set(tensors)
        for node in nodes:
            given = [name for name in node.input if name]
            for name in given:
                self._readers.setdefault(name, []).append(node)
            if given and all(name in self._fixed for name in given) and not node.op_type.startswith(_RANDOM):
                self._fixed.update(node.output)
        self.weights = self._weights()

    def making(self, value: str) -> list[Any]:
        """The nodes that make a value of stored tensors, in the order in which they run."""
        wanted, needed = [value], set[str]()
        while wanted:
            name = wanted.pop()
            if name not in needed and name not in self.tensors:
                needed.add(name)
                wanted += [given for given in self._maker[name].input if given]
        return [node for node in self._nodes if needed.intersection(node.output)]

    def last(self) -> list[str]:
        """Layers between which and the outputs no other stands; empty if something else with weights comes last."""
        ends: dict[str, None] = {}
        wanted, seen = list(self._outputs), set[str]()
        by_node = dict(self._layers())
        while wanted:
            name = wanted.pop()
            node = self._maker.get(name)
            if name in seen or node is None or name in self._fixed:
                continue
            if node.op_type == "DynamicQuantizeLinear" and name != node.output[0]:
                continue  # the size of the features, by which whole numbers are multiplied out
            if node.op_type in _SHAPES:
                continue
            seen.add(name)
            weight = by_node.get(id(node))
            if weight is None and (node.op_type in _OTHERS or node.op_type == "Conv"):
                return []
            if weight is not None:
                ends[weight.source] = None
            else:
                wanted += node.input
        return list(ends)

    def _weights(self) -> dict[str, Weight]:
        found: dict[str, Weight] = {}
        for _, weight in self._layers():
            before = found.get(weight.source)
            if before is None or before.embedding:
                shared = before is not None and not weight.embedding
                found[weight.source] = replace(weight, embedding=weight.embedding or shared)
            elif weight.embedding:
                found[weight.source] = replace(before, embedding=True)
        return found

    def _layers(self) -> Iterator[tuple[int, Weight]]:
        for node in self._nodes:
            weight = self._weight(node)
            if weight is not None:
                yield id(node), weight

    def _weight(self, node: Any) -> Weight | None:
        kind = node.op_type
        if kind in _PACKED and len(node.input) > 1 and node.input[1] in self.tensors:
            return Weight(node.input[1], node.input[1], False, refused=f"it is packed in few bits ({kind})")
        if kind not in _PLACES:
            return None
        place, *rest = _PLACES[kind]
        flipped = kind == "MatMul" and node.input[0] in self._fixed
        value = node.input[0 if flipped else place]
        if value not in self._fixed:
            return None
        source = self._source(value)
        if source is None:
            return None
        scale, zero, bias = (node.input[at] if at is not None and at < len(node.input) else "" for at in rest)
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        refused = ""
        if kind == "MatMulInteger":
            scale = self._scale_after(node)
            refused = "" if scale else "its scale is not found in the graph"
        if kind == "Gather":
            scale, zero = self._widening_after(node)
        upright = flipped or kind in ("Conv", "Gather") or attributes.get("transB", 0) == 1
        if kind == "Conv" and (attributes.get("group", 1) != 1 or any(side != 1 for side in self._sides(source)[2:])):
            return None
        if value != source and not self._is_scaled(value):
            scale_known = self.tensors[source].data_type in _FLOATING
            refused = refused or ("" if scale_known else "it holds whole numbers, and no scale is beside it")
        own = bias if bias in self._fixed else self._bias_after(node)
        return Weight(value, source, not upright, scale, zero, own, kind == "Gather", refused)

    def _source(self, value: str) -> str | None:
        """The stored matrix that a value is made of."""
        if value in self.tensors:
            return value if len(self._sides(value)) >= 2 else None
        stored = {name for node in self.making(value) for name in node.input if name in self.tensors}
        matrices = [name for name in stored if len(self._sides(name)) >= 2]
        return max(matrices, key=lambda name: math.prod(self._sides(name)), default=None)

    def _is_scaled(self, value: str) -> bool:
        """Whether what is stored is multiplied with anything."""
        return any(node.op_type not in _MOVING for node in self.making(value))

    def _sides(self, name: str) -> tuple[int, ...]:
        return tuple(self.tensors[name].dims)

    def _bias_after(self, node: Any) -> str:
        """What is added to the output of a node, where that is a stored vector."""
        reader = self._reader(node)
        if node.op_type == "MatMulInteger" and reader is not None and reader.op_type == "Mul":
            reader = self._reader(reader)  # past the scale
        if reader is None or reader.op_type != "Add":
            return ""
        vectors = [name for name in reader.input if name in self._fixed]
        return vectors[0] if len(vectors) == 1 else ""

    def _scale_after(self, node: Any) -> str:
        """The scale of whole numbers: what their product is multiplied with, less the part that the features have."""
        reader = self._reader(node)
        if reader is None or reader.op_type != "Mul":
            return ""
        for name in reader.input:
            maker = self._maker.get(name)
            factors = [name] if maker is None or maker.op_type != "Mul" else list(maker.input)
            stored = [factor for factor in factors if factor in self._fixed]
            if len(stored) == 1:
                return stored[0]
        return ""

    def _widening_after(self, node: Any) -> tuple[str, str]:
        """Scale and zero point of rows that are looked up as whole numbers."""
        reader = self._reader(node)
        if reader is None or reader.op_type != "DequantizeLinear" or reader.input[1] not in self._fixed:
            return "", ""
        return reader.input[1], reader.input[2] if len(reader.input) > 2 else ""

    def _reader(self, node: Any) -> Any | None:
        """The node that reads the output of another, if it is the only one, past those that change nothing."""
        while True:
            readers = self._readers.get(node.output[0], [])
            if len(readers) != 1:
                return None
            (node,) = readers
            if node.op_type not in _UNCHANGED:
                return node
