"""Measures NumPy by hand, and ONNX Runtime: both only answer for rows, neither trains."""

import sys

import numpy as np

from task import Task, tell


def by_hand(task):
    layers = task.he()

    def forward(x):
        for w, b in layers[:-1]:
            x = x @ w
            x += b
            np.maximum(x, 0, out=x)
        return x @ layers[-1][0] + layers[-1][1]

    return np.__version__, forward


def onnx(task):
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, now = [], [], "x"
    for l, (w, b) in enumerate(task.he()):
        weights += [numpy_helper.from_array(w, f"w{l}"), numpy_helper.from_array(b, f"b{l}")]
        nodes.append(helper.make_node("Gemm", [now, f"w{l}", f"b{l}"], [f"z{l}"]))
        now = f"z{l}"
        if l < len(task.widths) - 2:
            nodes.append(helper.make_node("Relu", [now], [f"a{l}"]))
            now = f"a{l}"
    rows = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])
            for name, width in (("x", task.widths[0]), (now, task.widths[-1]))]
    model = helper.make_model(
        helper.make_graph(nodes, "network", rows[:1], rows[1:], weights),
        opset_imports=[helper.make_opsetid("", 18)], ir_version=9,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = task.threads, 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnxruntime.__version__, lambda x: session.run(None, {"x": x})


def main():
    task = Task(sys.argv[2:])
    version, call = {"hand": by_hand, "onnx": onnx}[sys.argv[1]](task)
    tell(version, *task.calls(call, task.arrays()[0]))


main()
