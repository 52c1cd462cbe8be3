"""Smaller ONNX files: weights of 16 bits, or convolutions of 8 bits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.typing import Arrays

WEIGHTED = ("Conv", "ConvTranspose", "MatMul", "Gemm")
# Smaller constants are biases, steps and limits.
LEAST_WEIGHTS = 1024
# Weights of a matrix product from which 8 bits are worth their error.
LARGE_PRODUCT = 2**20
# Pointwise convolutions with fewer weights stay in 32 bits. Those of the first blocks of a backbone
# are a twentieth of its weights, and in 8 bits they cost an AP of .008 (.2378 against .2464).
SMALL_POINTWISE = 2**16
# Layers that lose AP in 8 bits, by a part of their names: what they compute is read as numbers.
LAST_LAYERS = (
    "rpn_class_raw",
    "rpn_bbox_pred",
    "mrcnn_class_logits",
    "mrcnn_bbox_fc",
    "mrcnn_mask/",
    "attribute_logits",
)


def reduce(path: Path, precision: str, calibration: Sequence[Arrays]) -> None:
    """Replaces a file of 32 bits.

    Args:
        path: The file.
        precision: "fp16" or "int8".
        calibration: Inputs by name of some batches, for "int8".

    Raises:
        ValueError: There are no batches to calibrate with.
    """
    if precision == "fp16":
        _store_half(path)
    else:
        _quantise(path, calibration)


def _store_half(path: Path) -> None:
    """Weights are stored in 16 bits and cast when the file is opened; all arithmetic stays."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    weights = {name for node in graph.node if node.op_type in WEIGHTED for name in node.input[1:2]}
    casts = []
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        if constant.name not in weights or values.size < LEAST_WEIGHTS:
            continue
        if values.dtype != np.float32:
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/half"))
        to = onnx.TensorProto.FLOAT
        casts.append(onnx.helper.make_node("Cast", [f"{name}/half"], [name], f"{name}/cast", to=to))
    for node in reversed(casts):
        graph.node.insert(0, node)
    onnx.save(model, str(path))


def _quantise(path: Path, calibration: Sequence[Arrays]) -> None:
    """Convolutions and the large products in 8 bits, per channel, but those that lose AP."""
    import onnx
    from onnxruntime import quantization

    if not calibration:
        raise ValueError(
            "A file of 8 bits is calibrated with images of the kind that it will see, 16 or more, "
            "and none were given."
        )
    target = path.with_name(f"int8-{path.name}")
    quantization.quantize_static(
        str(path),
        str(target),
        _Batches(calibration),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "ConvTranspose", "MatMul"],
        nodes_to_exclude=excluded(onnx.load(str(path)).graph),
        per_channel=True,
        weight_type=quantization.QuantType.QInt8,
        activation_type=quantization.QuantType.QUInt8,
        calibrate_method=quantization.CalibrationMethod.MinMax,
    )
    target.replace(path)
    _store_half(path)  # what has stayed in 32 bits


def excluded(graph: Any) -> list[str]:
    """Lists the nodes that stay in 32 bits.

    Args:
        graph: Of an ONNX model.

    Returns:
        Names: the first convolutions, depthwise ones, last layers, small pointwise ones and small
        matrix products.
    """
    shapes = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    names = set()
    for node in graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "MatMul"):
            continue
        shape = next((shapes[name] for name in node.input[1:2] if name in shapes), ())
        is_grouped = any(part.name == "group" and part.i > 1 for part in node.attribute)
        is_first = node.op_type == "Conv" and len(shape) == 4 and shape[1] <= 4
        is_last = any(part in node.name for part in LAST_LAYERS)
        count = int(np.prod(shape or (0,)))
        is_small = node.op_type == "MatMul" and count < LARGE_PRODUCT
        if node.op_type == "Conv" and shape[2:] == (1, 1):
            is_small = count < SMALL_POINTWISE
        if is_grouped or is_first or is_last or is_small:
            names.add(node.name)
    return sorted(names)


class _Batches:
    """What ONNX Runtime calls a CalibrationDataReader."""

    def __init__(self, batches: Sequence[Arrays]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> Arrays | None:
        return next(self._batches, None)
