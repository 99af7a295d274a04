"""What a TFLite graph costs: its multiply-adds, counted from the shapes of its tensors."""

from math import prod
from pathlib import Path

from device.inference import fold


def mflop(path: Path) -> float:
    """Millions of floating-point operations of one run of a graph.

    Counted are convolutions, depthwise convolutions and fully connected layers, a multiply-add as 2; additions,
    resizing, padding and activations, a few percent, are not.

    Args:
        path: a .tflite file with one subgraph.
    """
    schema = fold._schema()  # the one place that knows which package carries it
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    (subgraph,) = model.subgraphs
    kinds = schema.BuiltinOperator
    total = 0
    for operator in subgraph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)  # small codes may stand in the old field alone
        if kind not in (kinds.CONV_2D, kinds.DEPTHWISE_CONV_2D, kinds.FULLY_CONNECTED):
            continue
        weights = [int(n) for n in subgraph.tensors[operator.inputs[1]].shape]
        # for one value of the output; a depthwise filter is (1, h, w, channels), the others are (out, ...)
        each = weights[1] * weights[2] if kind == kinds.DEPTHWISE_CONV_2D else prod(weights[1:])
        total += 2 * each * prod(int(n) for n in subgraph.tensors[operator.outputs[0]].shape)
    return total / 1e6
