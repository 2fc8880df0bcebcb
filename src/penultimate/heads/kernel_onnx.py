"""A head that bends as an ONNX graph: features in, scores and probabilities out."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.features.head import Head
from penultimate.optional import needed

# Of ONNX's operators; runtimes of 2020 and later know it.
_OPERATORS = 13


def as_onnx(
    linear: Head,
    landmarks: NDArray[np.floating],
    widths: NDArray[np.floating],
    coefficients: NDArray[np.floating],
    names: Sequence[str] | None,
) -> bytes:
    """The content of an ``.onnx`` file, in float32; class names are JSON under ``classes`` in its metadata.

    Parameters
    ----------
    linear, landmarks, widths, coefficients
        As of `KernelHead`.
    names : sequence of str, optional
        Of the classes.

    Returns
    -------
    bytes

    Raises
    ------
    MissingDependencyError
        Without onnx.
    """
    onnx: Any = needed("onnx", "models", "a head as .onnx")
    helper: Any = onnx.helper
    centre = landmarks.mean(axis=0)
    marks = landmarks - centre
    arrays = {
        # W beside A: read as a last layer, neither would be one.
        "rows": np.concatenate([linear.product, coefficients], axis=1),
        "biases": linear.offset,
        "centre": centre,
        "marks": marks,
        "sizes": np.square(marks).sum(axis=1),
        "scales": -0.5 / np.square(widths),
    }
    held = [onnx.numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    held.append(onnx.numpy_helper.from_array(np.array([1], dtype=np.int64), "width"))
    nodes = [
        helper.make_node("Sub", ["features", "centre"], ["near"]),
        helper.make_node("Mul", ["near", "near"], ["near_squares"]),
        helper.make_node("ReduceSum", ["near_squares", "width"], ["near_sizes"], keepdims=1),
        # ‖z‖² − 2 zᵀh, and then ‖h‖² to it.
        helper.make_node("Gemm", ["near", "marks", "sizes"], ["rest"], transB=1, alpha=-2.0),
        helper.make_node("Add", ["rest", "near_sizes"], ["distances"]),
        helper.make_node("Relu", ["distances"], ["squares"]),
        helper.make_node("Mul", ["squares", "scales"], ["exponents"]),
        helper.make_node("Exp", ["exponents"], ["bumps"]),
        helper.make_node("Concat", ["features", "bumps"], ["both"], axis=1),
        helper.make_node("Gemm", ["both", "rows", "biases"], ["scores"], transB=1),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]

    def shown(name: str, width: int) -> Any:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["samples", width])

    outputs = [shown(name, linear.classes) for name in ("scores", "probabilities")]
    graph = helper.make_graph(nodes, "kernel head", [shown("features", linear.dimension)], outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPERATORS)], ir_version=7)
    if names is not None:
        helper.set_model_props(model, {"classes": json.dumps(list(names))})
    onnx.checker.check_model(model)
    return model.SerializeToString()
