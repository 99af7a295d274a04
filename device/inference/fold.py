"""Rewrites a borrowed TFLite graph so that both runtimes run it fast: folds constants, cuts heads, names outputs.

BlazePose's files store float16 weights behind DEQUANTIZE and sparse ones behind DENSIFY operators. Both are computed
here once, exactly; operators that no wanted output needs are left out. An inner map may become an output.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def fold(graph: bytes, outputs: Mapping[str, str]) -> bytes:
    """A graph that computes the same values, with folded weights and only the wanted outputs.

    Args:
        graph: the content of a .tflite file with one subgraph.
        outputs: new name of each wanted tensor, by its name in `graph`: an output or an inner one.

    Returns:
        The content of the new file.

    Raises:
        KeyError: `graph` has no tensor of such a name.
    """
    import flatbuffers

    schema = _schema()
    model = schema.ModelT.InitFromPackedBuf(graph, 0)
    (subgraph,) = model.subgraphs
    tensors = subgraph.tensors
    by_name = {tensor.name.decode(): i for i, tensor in enumerate(tensors)}
    subgraph.outputs = [by_name[name] for name in outputs]
    for old, new in outputs.items():
        tensors[by_name[old]].name = new.encode()
    subgraph.operators = _needed(subgraph.operators, subgraph.outputs)
    _fold_constants(model, subgraph, schema)
    _drop_unused(model, subgraph)
    model.signatureDefs = []
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError:
        import tflite as schema_py_generated
    return schema_py_generated


def _needed(operators: Iterable[Any], outputs: Iterable[int]) -> list[Any]:
    """The operators, in order, on which the outputs depend."""
    wanted, kept = {int(i) for i in outputs}, []
    for operator in reversed(list(operators)):
        if any(int(i) in wanted for i in operator.outputs):
            kept.append(operator)
            wanted |= {int(i) for i in operator.inputs}
    return kept[::-1]


def _fold_constants(model: Any, subgraph: Any, schema: Any) -> None:
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    types = {schema.TensorType.FLOAT16: np.float16, schema.TensorType.FLOAT32: np.float32}
    folded: dict[int, NDArray[Any]] = {}

    def constant(i: int) -> NDArray[Any] | None:
        if i in folded:
            return folded[i]
        tensor = subgraph.tensors[i]
        data = model.buffers[tensor.buffer].data
        if data is None or len(data) == 0 or tensor.type not in types:
            return None
        return np.frombuffer(bytes(data), types[tensor.type])

    kept = []
    for operator in subgraph.operators:
        code = codes[operator.opcodeIndex]
        foldable = code in (schema.BuiltinOperator.DEQUANTIZE, schema.BuiltinOperator.DENSIFY)
        values = constant(int(operator.inputs[0])) if foldable else None
        if values is None:
            kept.append(operator)
        elif code == schema.BuiltinOperator.DENSIFY:
            folded[int(operator.outputs[0])] = _densify(subgraph.tensors[operator.inputs[0]], values)
        else:
            folded[int(operator.outputs[0])] = values
    subgraph.operators = kept
    for i, values in folded.items():
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
        model.buffers.append(buffer)
        subgraph.tensors[i].buffer = len(model.buffers) - 1
        subgraph.tensors[i].type = schema.TensorType.FLOAT32


def _densify(tensor: Any, values: NDArray[Any]) -> NDArray[Any]:
    """The dense array of a sparse tensor (TFLite's SparsityParameters: nested dense and CSR levels, with blocks)."""
    sparsity, shape = tensor.sparsity, [int(n) for n in tensor.shape]
    rank, levels = len(shape), sparsity.dimMetadata
    blocks = [] if sparsity.blockMap is None else [int(d) for d in sparsity.blockMap]
    block_size = [levels[rank + k].denseSize for k in range(len(blocks))]
    dense = np.zeros(shape, values.dtype)
    place = [0] * len(levels)

    def visit(level: int, position: int) -> None:
        if level == len(levels):
            index = [0] * rank
            for at, dim in enumerate(sparsity.traversalOrder):
                if dim >= rank:
                    index[blocks[dim - rank]] += place[at]
                else:
                    index[dim] += place[at] * (block_size[blocks.index(dim)] if dim in blocks else 1)
            dense[tuple(index)] = values[position]
            return
        meta = levels[level]
        if meta.format == 0:  # dense
            steps = ((k, position * meta.denseSize + k) for k in range(meta.denseSize))
        else:  # compressed sparse row
            segments, indices = meta.arraySegments.values, meta.arrayIndices.values
            steps = ((int(indices[j]), j) for j in range(int(segments[position]), int(segments[position + 1])))
        for place[level], child in steps:
            visit(level + 1, child)

    visit(0, 0)
    return dense


def _drop_unused(model: Any, subgraph: Any) -> None:
    """Renumbers tensors and buffers so that none is left that nothing refers to."""
    used = {int(i) for i in (*subgraph.inputs, *subgraph.outputs)}
    for operator in subgraph.operators:
        for group in (operator.inputs, operator.outputs, operator.intermediates):
            used |= {int(i) for i in (() if group is None else group)}
    used.discard(-1)  # an optional input that is left out
    renumber = {old: new for new, old in enumerate(sorted(used))}
    subgraph.tensors = [subgraph.tensors[i] for i in sorted(used)]
    for operator in subgraph.operators:
        operator.inputs = [renumber.get(int(i), -1) for i in operator.inputs]
        operator.outputs = [renumber[int(i)] for i in operator.outputs]
    subgraph.inputs = [renumber[int(i)] for i in subgraph.inputs]
    subgraph.outputs = [renumber[int(i)] for i in subgraph.outputs]
    holders = [*subgraph.tensors, *(model.metadata or [])]
    buffers = sorted({0} | {holder.buffer for holder in holders})
    renumber = {old: new for new, old in enumerate(buffers)}
    model.buffers = [model.buffers[i] for i in buffers]
    for holder in holders:
        holder.buffer = renumber[holder.buffer]
