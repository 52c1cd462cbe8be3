"""`set_trainable`: freezes all layers but those that a stage of a training names."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from mrcnn import keras_internals
from mrcnn.config import Config
from mrcnn.modeling.build import stage_of_layer
from mrcnn.modeling.detector import Detector
from mrcnn.typing import Tensor
from mrcnn.weights.layer_files import weight_layers

log = logging.getLogger(__name__)
# Stages of a backbone are 1 to 5, as in Matterport's code. Whatever comes after counts as 6.
HEADS = 6
FROM_STAGE = {"heads": HEADS, "3+": 3, "4+": 4, "5+": 5}


def set_trainable(model: Detector, config: Config, layers: str) -> list[str]:
    """Makes layers trainable and freezes the others.

    Args:
        model: A detector.
        config: BACKBONE tells the stages of its layers.
        layers: "heads" (all but the backbone); "3+", "4+", "5+" (that stage of the backbone and
            later ones, and the heads); "all"; or a regular expression for whole names.

    Returns:
        Names of the trainable layers.

    Raises:
        ValueError: Nothing matches, or the stages of a callable BACKBONE cannot be distinguished.
    """
    stages = _stages(model.backbone, config, layers) if layers in FROM_STAGE else {}
    found = weight_layers(model)
    chosen = [name for name in found if _is_chosen(name, stages, layers)]
    if not chosen:
        raise ValueError(
            f"layers={layers!r} matches no layer. Use 'heads', '3+', '4+', '5+', 'all' or a "
            f"regular expression for names like {', '.join(list(found)[-3:])}."
        )
    # Keras passes `trainable` on to all sublayers, so the outer layers come first.
    for name in sorted(
        found, key=lambda name: len(keras_internals.layers_inside(found[name])), reverse=True
    ):
        found[name].trainable = name in chosen
    log.info("%d of %d layers are trainable (%s)", len(chosen), len(found), layers)
    return chosen


def _is_chosen(name: str, stages: Mapping[str, int], layers: str) -> bool:
    if layers == "all":
        return True
    if layers in FROM_STAGE:
        return stages.get(name, HEADS) >= FROM_STAGE[layers]
    return bool(re.fullmatch(layers, name))


def _stages(backbone: keras.Model, config: Config, layers: str) -> dict[str, int]:
    """Stages of the backbone's layers with weights; 0 for those that belong to none."""
    if not callable(config.BACKBONE):
        return {name: stage_of_layer(config, name) or 0 for name in weight_layers(backbone)}
    stages = dict.fromkeys(weight_layers(backbone), 0) | _stages_by_graph(backbone.outputs)
    first, last = FROM_STAGE[layers], len(backbone.outputs) + 1  # without a neck, C4 is the last
    if first <= last and stages and max(stages.values()) < first:
        raise ValueError(
            f"layers={layers!r} would train no layer of this BACKBONE: no layer with weights "
            f"contributes to C{first} or a later map and not to C{first - 1}. Maps that one layer "
            "makes, such as a subclassed keras.Model, cannot be distinguished: build the backbone "
            "of single layers or a functional keras.Model, or use 'heads', 'all' or a regular "
            "expression."
        )
    return stages


def _stages_by_graph(feature_maps: Sequence[Tensor]) -> dict[str, int]:
    """Stages by the graph: stage 2 is what C2 is computed from, stage 3 what C3 adds, and so on."""
    stages: dict[str, int] = {}
    for stage, feature_map in enumerate(feature_maps, start=2):
        for name in _layers_before(feature_map):
            stages.setdefault(name, stage)
    return stages


def _layers_before(tensor: Tensor) -> set[str]:
    """Names of all layers that a symbolic tensor is computed from.

    Of a functional model on the way, only those that its output is computed from.
    """
    names: set[str] = set()
    seen: set[int] = set()
    waiting: list[Any] = [tensor]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, output, inputs = keras_internals.origin(tensor)
        if isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
            waiting.append(operation.outputs[output])
        elif isinstance(operation, keras.Layer):
            names |= {operation.name, *weight_layers(operation)}
        waiting += inputs
    return names
