"""TFLite graphs from networks: exported in float, then quantized. Nothing here knows of tasks or files' places."""

import logging
import os
import re
import sys
from collections.abc import Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from convert.recipe import Quantize
from device.errors import InputError, PartFailed
from device.inference.tflite import Model

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
SIGNATURE, INPUT = "serving_default", "input"
AGREE = 1e-4
"""How far an exported graph may be from PyTorch, in shares of an output's largest value (measured: 2e-7)."""


def export(net: nn.Module, example: NDArray[np.float32], outputs: Sequence[str], path: Path) -> None:
    """Writes a network as a float graph, and compares the two.

    Args:
        net: one input, a tuple of outputs.
        example: (N, ...) inputs; the graph takes one at a time.
        outputs: names of the outputs, in order.
        path: the .tflite file to write.

    Raises:
        PartFailed: the graph cannot be made, or computes something else.
    """
    values = torch.as_tensor(np.array(example, np.float32))
    net = net.eval().to(memory_format=torch.contiguous_format)  # the converter reads weights as if they lay so
    with _quiet():
        import litert_torch

        try:
            litert_torch.convert(net, (values[:1],)).export(str(path))
        except Exception as error:  # whatever the converter's layers raise
            raise PartFailed(f"{path.name}: cannot be exported ({str(error).strip().splitlines()[0]})") from error
    _name(path, outputs)
    with Model(path) as model, torch.no_grad():
        for row in values[:4]:
            for name, wanted in zip(outputs, net(row[None]), strict=True):
                differ = apart(model(row[None].numpy())[name], wanted.numpy())
                if not differ <= AGREE:
                    raise PartFailed(f"{path.name}: output {name} differs from PyTorch's by {differ:.2g} of its size")


def apart(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The largest difference of an output, in shares of its largest value (of 1 where that is smaller)."""
    return float(np.abs(found - wanted).max() / max(1.0, float(np.abs(wanted).max())))


def weights(path: Path) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Weights and bias of each convolution and linear layer of a float graph, in the order in which they run.

    A convolution's are (out, h, w, in), a depthwise one's (1, h, w, out), a linear layer's (out, in).

    Raises:
        InputError: not a graph of floats.
    """
    schema, model = _parse(path)
    kinds, graph = schema.BuiltinOperator, model.subgraphs[0]
    found = []
    for operator in graph.operators:
        if _code(model, operator) in (kinds.CONV_2D, kinds.DEPTHWISE_CONV_2D, kinds.FULLY_CONNECTED):
            tensors = [graph.tensors[i] for i in operator.inputs[1:3] if i >= 0]
            if any(tensor.type != schema.TensorType.FLOAT32 for tensor in tensors):
                raise InputError(f"{path}: not a float graph; those lie in models/float")
            weight, *bias = (_values(model, tensor) for tensor in tensors)
            found.append((weight, bias[0] if bias else np.zeros(len(weight), np.float32)))
    return found


def standardizing(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """What a graph takes from its input first, and what it then multiplies it by; None where it does not begin so."""
    schema, model = _parse(path)
    kinds, graph = schema.BuiltinOperator, model.subgraphs[0]
    first = graph.operators[:2]
    if [_code(model, operator) for operator in first] != [kinds.SUB, kinds.MUL]:
        return None
    constants = [graph.tensors[operator.inputs[1]] for operator in first]
    return _values(model, constants[0]), _values(model, constants[1])


def _values(model: Any, tensor: Any) -> NDArray[np.float32]:
    packed = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
    return packed.view(np.float32).reshape([int(n) for n in tensor.shape]).copy()


def quantize(source: Path, told: Quantize, calibration: NDArray[np.float32], path: Path) -> None:
    """Writes a quantized graph.

    Args:
        source: the float graph.
        told: how.
        calibration: (N, ...) inputs as the device gives them.
        path: the .tflite file to write.

    Raises:
        InputError: no operation has a name that `keep_float` asks for, or no convolution is left for
            `convolutions`.
        PartFailed: the graph would run differently in the two runtimes.
    """
    _refuse_what_finds_nothing(source, told)
    if told.mode == "float":
        path.write_bytes(source.read_bytes())
        return
    with _quiet():
        from ai_edge_quantizer import calibrator, quantizer, recipe_manager
        from ai_edge_quantizer.qtyping import TFLOperationName as Operation
        from ai_edge_quantizer.recipe import AlgorithmName
        from ai_edge_quantizer.utils import qsv_utils

        manager = recipe_manager.RecipeManager()
        if told.mode == "weights":
            manager.add_weight_only_config(".*", Operation.ALL_SUPPORTED, num_bits=8)
        else:
            for kind in ("ALL_SUPPORTED",) if told.mode == "static" else CONVOLUTIONS:
                manager.add_static_config(".*", Operation[kind], activation_num_bits=8, weight_num_bits=8)
        for words in told.keep_float:
            manager.add_quantization_config(words, Operation.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE)
        work = quantizer.Quantizer(str(source), manager.get_quantization_recipe())
        ranges = None
        if told.mode != "weights":
            inputs = {SIGNATURE: [{INPUT: np.array(x[None], np.float32)} for x in calibration]}
            update = qsv_utils.min_max_update if told.ranges == "widest" else qsv_utils.moving_average_update
            measure = calibrator.Calibrator(str(source), num_threads=1, qsv_update_func=update)
            measure.calibrate(inputs, manager)
            ranges = measure.get_model_qsvs()
        path.unlink(missing_ok=True)
        work.quantize(ranges).export_model(str(path))
    _, model = _parse(path)
    _name_tensors(model)
    _write(model, path)
    refuse_dynamic(path)


def _refuse_what_finds_nothing(source: Path, told: Quantize) -> None:
    """Stops where `keep_float` names no operation that would not be float anyway, or leaves none."""
    operations = [line.partition(" ")[::2] for line in layers(source)]
    names = [name for kind, name in operations if told.mode != "convolutions" or kind in CONVOLUTIONS]
    for words in told.keep_float:
        if not any(re.search(words, name) for name in names):
            raise InputError(f"quantize.keep_float: {words!r} finds no operation; `quantize --layers` prints them")
    if told.mode == "convolutions" and all(any(re.search(w, name) for w in told.keep_float) for name in names):
        raise InputError('quantize.mode: "convolutions", but there is none, or keep_float names all')


def layers(path: Path) -> list[str]:
    """Of each operation its kind, a space and what `keep_float` is looked for in: the names of its outputs."""
    schema, model = _parse(path)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    graph = model.subgraphs[0]
    return [
        f"{kinds.get(_code(model, operator))} "
        + "".join(f"{graph.tensors[i].name.decode()};" for i in operator.outputs)
        for operator in graph.operators
    ]


def refuse_dynamic(path: Path) -> None:
    """Stops where an operation takes int8 weights with float values: dynamic-range quantization.

    tflite-runtime refuses one kind of it and is silently wrong on another.

    Raises:
        PartFailed: names the operation.
    """
    schema, model = _parse(path)
    kinds = schema.BuiltinOperator
    for graph in model.subgraphs:
        for operator in graph.operators:
            if _code(model, operator) in (kinds.CONV_2D, kinds.DEPTHWISE_CONV_2D, kinds.FULLY_CONNECTED):
                values, weights = (graph.tensors[i] for i in operator.inputs[:2])
                if values.type == schema.TensorType.FLOAT32 and weights.type != schema.TensorType.FLOAT32:
                    name = graph.tensors[operator.outputs[0]].name.decode()
                    raise PartFailed(f"{path.name}: {name} has int8 weights and float values (dynamic range)")


def interface(path: Path) -> dict[str, Any]:
    """Input and outputs of a graph for its manifest: name, shape, dtype, scale and zero point (absent in float)."""
    schema, model = _parse(path)
    dtypes = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    graph = model.subgraphs[0]

    def told(index: int) -> dict[str, Any]:
        tensor = graph.tensors[index]
        line = {"name": tensor.name.decode(), "shape": [int(n) for n in tensor.shape], "dtype": dtypes[tensor.type]}
        if (how := tensor.quantization) is not None and how.scale is not None and len(how.scale):
            line |= {"scale": float(how.scale[0]), "zero_point": int(how.zeroPoint[0])}
        return line

    return {"inputs": [told(i) for i in graph.inputs], "outputs": [told(i) for i in graph.outputs]}


def _name(path: Path, outputs: Sequence[str]) -> None:
    """Gives the signature of an exported graph, and its tensors, the names that the device picks outputs by.

    litert-torch names them output_0, output_1 and on.
    """
    _, model = _parse(path)
    signature = model.signatureDefs[0]
    placed = {int(re.sub(r"\D", "", entry.name.decode())): entry for entry in signature.outputs}
    if sorted(placed) != list(range(len(outputs))):
        raise PartFailed(f"{path.name}: has {len(placed)} outputs, expected {', '.join(outputs)}")
    for place, name in enumerate(outputs):
        placed[place].name = name.encode()
    (entry,) = signature.inputs
    entry.name = INPUT.encode()
    signature.signatureKey = SIGNATURE.encode()
    _name_tensors(model)
    _write(model, path)


def _name_tensors(model: Any) -> None:
    """Names the graph's inputs and outputs as its signature does; an inner tensor of such a name gets another.

    The quantizer puts a DEQUANTIZE behind some outputs, whose tensor then has a name of its own.
    """
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    entries = [*signature.inputs, *signature.outputs]
    names, ends = {entry.name for entry in entries}, {entry.tensorIndex for entry in entries}
    for index, tensor in enumerate(graph.tensors):
        if tensor.name in names and index not in ends:
            tensor.name += b"_inner"
    for entry in entries:
        graph.tensors[entry.tensorIndex].name = entry.name


def _write(model: Any, path: Path) -> None:
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def _parse(path: Path) -> tuple[Any, Any]:
    from ai_edge_litert import schema_py_generated as schema

    packed = path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(packed, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:  # the quantizer puts the weights of larger graphs behind the flatbuffer
            buffer.data = np.frombuffer(packed, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return schema, model


def _code(model: Any, operator: Any) -> int:
    code = model.operatorCodes[operator.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


@contextmanager
def _quiet() -> Any:
    """Without the converters' pages of progress: standard output and error, also of their native parts, go nowhere."""
    sys.stdout.flush()
    saved = [os.dup(1), os.dup(2)]
    level = logging.root.manager.disable
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        logging.disable(logging.WARNING)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with open(os.devnull, "w") as mute, redirect_stdout(mute), redirect_stderr(mute):
            yield
    finally:
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        logging.disable(level)
        for handle in (*saved, nowhere):
            os.close(handle)
