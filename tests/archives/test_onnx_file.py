"""Layers out of ONNX graphs, each written here node by node: the head is that after which no other layer comes."""

import numpy as np
import pytest

import penultimate as pen

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")
helper = pytest.importorskip("onnx.helper")
numpy_helper = pytest.importorskip("onnx.numpy_helper")

CLASSES, WIDTH = 80, 12


@pytest.fixture
def head():
    rng = np.random.default_rng(0)
    return rng.normal(size=(CLASSES, WIDTH)).astype(np.float32), rng.normal(size=CLASSES).astype(np.float32)


def save(path, nodes, tensors, metadata=(), output="out", constants=()):
    """A graph from `x` of width 6 over a hidden layer to `out`; some tensors are outputs of Constant nodes."""
    body = np.random.default_rng(1).normal(size=(6, WIDTH)).astype(np.float32)
    stored = [numpy_helper.from_array(array, name) for name, array in {"body.weight": body, **tensors}.items()]
    given = [helper.make_node("Constant", [], [each.name], value=each) for each in stored if each.name in constants]
    hidden = [helper.make_node("MatMul", ["x", "body.weight"], ["h0"]), helper.make_node("Relu", ["h0"], ["h"])]
    graph = helper.make_graph(
        [*given, *hidden, *nodes],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 6])],
        [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)],
        initializer=[each for each in stored if each.name not in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    helper.set_model_props(model, dict(metadata))
    onnx.save(model, path)
    return model


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def shapes(weight, bias):
    """The same layer as exporters write it: nodes and stored tensors."""
    return {
        "MatMul and Add": ([node("MatMul", "h w", "m"), node("Add", "m b", "out")], {"w": weight.T.copy(), "b": bias}),
        "Add the other way": (
            [node("MatMul", "h w", "m"), node("Add", "b m", "out")],
            {"w": weight.T.copy(), "b": bias},
        ),
        "Gemm, turned": ([node("Gemm", "h w b", "out", transB=1)], {"w": weight, "b": bias}),
        "Gemm": ([node("Gemm", "h w b", "out")], {"w": weight.T.copy(), "b": bias}),
        "Transpose before": (
            [node("Transpose", "w", "t", perm=[1, 0]), node("MatMul", "h t", "m"), node("Add", "m b", "out")],
            {"w": weight, "b": bias},
        ),
        "softmax spelled out": (
            [
                node("Gemm", "h w b", "z", transB=1),
                node("ReduceMax", "z", "top", keepdims=1),
                node("Sub", "z top", "less"),
                node("Exp", "less", "e"),
                node("ReduceSum", "e", "sum", keepdims=1),
                node("Div", "e sum", "out"),
            ],
            {"w": weight, "b": bias},
        ),
        "shapes that follow the features": (
            [
                node("Shape", "h", "sides"),
                node("Gather", "sides first", "n", axis=0),
                node("Concat", "n minus", "form", axis=0),
                node("Gemm", "h w b", "z", transB=1),
                node("Reshape", "z form", "out"),
            ],
            {"w": weight, "b": bias, "first": np.array([0]), "minus": np.array([-1])},
        ),
        "half precision": (
            [node("Cast", "w", "f", to=1), node("MatMul", "h f", "m"), node("Add", "m b", "out")],
            {"w": weight.T.astype(np.float16), "b": bias},
        ),
    }


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("name", list(shapes(np.zeros((1, 1)), np.zeros(1))))
def test_a_layer_is_read_however_it_is_written(tmp_path, head, name, constant):
    weight, bias = head
    nodes, tensors = shapes(weight, bias)[name]
    save(tmp_path / "m.onnx", nodes, tensors, constants=("w", "b") if constant else ())
    read = pen.Head.read(tmp_path / "m.onnx")
    np.testing.assert_allclose(read.weights[0], weight, rtol=1e-3 if name == "half precision" else 0)
    np.testing.assert_array_equal(read.bias, bias)


def test_what_is_read_gives_the_scores_that_the_graph_gives(tmp_path, head):
    """The oracle is the library's own interpreter."""
    _, bias = head
    codes = np.random.default_rng(2).integers(0, 256, (WIDTH, CLASSES)).astype(np.uint8)
    scale = np.random.default_rng(3).uniform(0.001, 0.1, CLASSES).astype(np.float32)
    zero = np.random.default_rng(4).integers(0, 256, CLASSES).astype(np.uint8)
    nodes = [node("DequantizeLinear", "q s z", "w", axis=1), node("MatMul", "h w", "m"), node("Add", "m b", "out")]
    model = save(tmp_path / "m.onnx", nodes, {"q": codes, "s": scale, "z": zero, "b": bias})
    read, x = pen.Head.read(tmp_path / "m.onnx"), np.random.default_rng(5).normal(size=(7, 6)).astype(np.float32)
    model.graph.output.append(helper.make_tensor_value_info("h", onnx.TensorProto.FLOAT, None))
    scores, features = reference.ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(read.logits(features), scores, rtol=1e-4, atol=1e-4)
    assert pen.scan(tmp_path / "m.onnx").dtype == "uint8" and pen.scan(tmp_path / "m.onnx").rounding == 1e-2


def quantised(weight):
    """Ways to store eight bits, each with what it stands for."""
    scale = (np.abs(weight).max(axis=1) / 127).astype(np.float32)
    codes = np.round(weight / scale[:, None]).astype(np.int8)
    flat = np.float32(np.abs(weight).max() / 127)
    level, zero = (np.round(weight / flat) + 128).astype(np.uint8), np.uint8(128)
    mean = codes * scale[:, None]
    q, w = {"q": codes.T.copy(), "s": scale}, {"q": level, "s": flat, "z": zero}
    domain = {"domain": "com.microsoft"}
    return {
        "cast, less zero, times scale": (
            [node("Cast", "q", "f", to=1), node("Mul", "f s", "w"), node("MatMul", "h w", "out")], q, mean),
        "MatMulInteger": (
            [
                node("DynamicQuantizeLinear", "h", "hq"), node("MatMulInteger", "hq q", "i"),
                node("Cast", "i", "f", to=1),
                node("Mul", "hs s", "both"), node("Mul", "f both", "m"), node("Add", "m b", "out"),
            ], {**q, "b": np.arange(len(weight), dtype=np.float32)}, mean),
        "QLinearMatMul": (
            [node("QLinearMatMul", "h hs hz q s z y yz", "out")],
            {**w, "q": level.T.copy()}, (level.astype(np.float32) - 128) * flat),
        "DynamicQuantizeMatMul": ([node("DynamicQuantizeMatMul", "h q s", "out", **domain)], q, mean),
        "QGemm": (
            [node("QGemm", "h hs hz q s z", "out", transB=1, **domain)], w, (level.astype(np.float32) - 128) * flat),
    }  # fmt: skip


@pytest.mark.parametrize("name", list(quantised(np.ones((1, 1)))))
def test_whole_numbers_are_multiplied_out(tmp_path, head, name):
    nodes, tensors, expected = quantised(head[0])[name]
    if name == "MatMulInteger":
        nodes[0].output.extend(["hs", "hz"])
    save(tmp_path / "m.onnx", nodes, tensors)
    read = pen.Head.read(tmp_path / "m.onnx")
    np.testing.assert_allclose(read.weights[0], expected, rtol=1e-6, atol=1e-7)
    assert name != "MatMulInteger" or read.bias.tolist() == list(range(CLASSES))


@pytest.mark.parametrize(
    ("nodes", "tensors", "match"),
    [
        ([node("MatMulNBits", "h q s", "out", domain="com.microsoft")], {}, r"packed in few bits \(MatMulNBits\)"),
        ([node("MatMulInteger", "h q", "out")], {}, "its scale is not found"),
        ([node("Cast", "q", "f", to=1), node("MatMul", "h f", "out")], {}, None),
    ],
)
def test_packed_numbers_without_a_known_scale_are_refused_by_name(tmp_path, nodes, tensors, match):
    codes = np.random.default_rng(0).integers(0, 255, (WIDTH, CLASSES)).astype(np.uint8)
    save(tmp_path / "m.onnx", nodes, {"q": codes, "s": np.ones(4, np.float32)})
    with pytest.raises(pen.PenultimateError, match=match or "q cannot .* whole numbers, and no scale"):
        pen.scan(tmp_path / "m.onnx")


def test_a_tied_embedding_is_the_head_and_said_to_be_tied(tmp_path, head):
    weight, _ = head
    nodes = [
        node("Gather", "e ids", "row"), node("Add", "h row", "g"), node("Transpose", "e", "t", perm=[1, 0]),
        node("MatMul", "g t", "out"),
    ]  # fmt: skip
    save(tmp_path / "m.onnx", nodes, {"e": weight, "ids": np.array([3])})
    found = pen.scan(tmp_path / "m.onnx")
    assert found.tied and found.classes == CLASSES and found.to_dict()["head"]["tied"]


def test_where_several_layers_end_the_graph_all_are_listed(tmp_path, head):
    weight, bias = head
    nodes = [node("Gemm", "h w b", "p", transB=1), node("MatMul", "h v", "q"), node("Concat", "p q", "out", axis=1)]
    save(tmp_path / "m.onnx", nodes, {"w": weight, "b": bias, "v": weight.T.copy()})
    with pytest.raises(pen.FeaturesError, match=r"v.weight \(80 × 12\).*choose one"):
        pen.scan(tmp_path / "m.onnx")
    assert pen.scan(tmp_path / "m.onnx", key="w").bias is not None


def test_a_graph_that_ends_in_something_else_has_no_head(tmp_path, head):
    kernel = np.ones((4, 3, 2, 2), np.float32)
    nodes = [node("Gemm", "h last", "p"), node("ConvTranspose", "p k", "out")]
    save(tmp_path / "m.onnx", nodes, {"last": head[0].T.copy(), "k": kernel})
    with pytest.raises(pen.FeaturesError, match=r"the matrices are .*last.weight \(80 × 12\)"):
        pen.scan(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("key", "text", "first", "last"),
    [
        ("character", "\n".join(chr(0x4E00 + i) for i in range(CLASSES - 2)), "<blank>", " "),
        ("character", "\n".join(chr(0x4E00 + i) for i in range(CLASSES - 1)), "<blank>", chr(0x4E00 + CLASSES - 2)),
        ("names", str({i: f"kind {i}" for i in range(CLASSES)}), "kind 0", "kind 79"),
        ("labels", str([f"kind {i}" for i in range(CLASSES)]).replace("'", '"'), "kind 0", "kind 79"),
        ("ids", str({f"kind {i}": i for i in range(CLASSES)}), "kind 0", "kind 79"),
        ("other", "nothing of the kind", "0", "79"),
    ],
)
def test_names_come_from_the_metadata(tmp_path, head, key, text, first, last):
    save(tmp_path / "m.onnx", *shapes(*head)["Gemm"], metadata={"a": "b", key: text})
    found = pen.scan(tmp_path / "m.onnx")
    assert (found.name(0), found.name(CLASSES - 1)) == (first, last)


def test_weights_beside_the_file_are_read_and_missed(tmp_path, head):
    model = save(tmp_path / "small.onnx", *shapes(*head)["Gemm"])
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    np.testing.assert_array_equal(pen.Head.read(tmp_path / "m.onnx").weights[0], head[0])
    (tmp_path / "m.data").unlink()
    with pytest.raises(pen.FileError, match=r"'m\.data' beside it, which is not there"):
        pen.scan(tmp_path / "m.onnx")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_damaged_file_is_one_clear_error(tmp_path, head, share):
    path = tmp_path / "m.onnx"
    save(path, *shapes(*head)["Gemm"])
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(pen.PenultimateError, match=r"m\.onnx"):
        pen.scan(path)
