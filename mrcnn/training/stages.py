"""Stages of a training: how long, how fast, and which layers are trained, by Matterport's names."""

import logging
import re
from dataclasses import dataclass

import keras

from mrcnn.modeling.build import stage_of_layer
from mrcnn.weights.layer_files import weight_layers

log = logging.getLogger(__name__)
HEADS = 6
FROM_STAGE = {"heads": HEADS, "3+": 3, "4+": 4, "5+": 5}


@dataclass(frozen=True)
class Stage:
    """One part of a training.

    layers: which layers learn, see `set_trainable`; epochs: how many this stage lasts; learning_rate: at its height.
    """

    name: str
    layers: str
    epochs: int
    learning_rate: float


def set_trainable(model, config, layers):
    """Let the layers that `layers` names learn and freeze the others; returns the names of those that learn.

    layers: "heads" (everything but the backbone), "3+", "4+", "5+" (that backbone stage and later, and the heads), "all", or a
    regular expression that must match a layer's whole name. Raises ValueError if nothing matches, or if a stage of a callable BACKBONE
    cannot be told from those before it.
    """
    stages = _stages(model.backbone, config, layers) if layers in FROM_STAGE else {}
    found = weight_layers(model)
    chosen = [name for name in found if _learns(name, stages, layers)]
    if not chosen:
        raise ValueError(
            f"layers={layers!r} matches no layer. Use 'heads', '3+', '4+', '5+', 'all' or a regular expression for "
            f"names like {', '.join(list(found)[-3:])}."
        )
    # What is set on a layer is set on all layers inside it: the outer ones, which hold more layers, come first.
    for name in sorted(found, key=lambda name: len(found[name]._flatten_layers()), reverse=True):
        found[name].trainable = name in chosen
    log.info("%d layers learn (layers=%r)", len(chosen), layers)
    return chosen


def _learns(name, stages, layers):
    if layers == "all":
        return True
    if layers in FROM_STAGE:
        return stages.get(name, HEADS) >= FROM_STAGE[layers]
    return bool(re.fullmatch(layers, name))


def _stages(backbone, config, layers):
    """{name: stage} of the backbone's layers with weights; 0 for those that belong to none."""
    if not callable(config.BACKBONE):
        return {name: stage_of_layer(config, name) or 0 for name in weight_layers(backbone)}
    stages = dict.fromkeys(weight_layers(backbone), 0) | _stages_by_graph(backbone.outputs)
    first, last = FROM_STAGE[layers], len(backbone.outputs) + 1  # without a neck, C4 is the last
    if first <= last and stages and max(stages.values()) < first:
        raise ValueError(
            f"layers={layers!r} would train no layer of this BACKBONE: in its graph no layer with weights is behind C{first} "
            f"or a later map and not behind C{first - 1}. Maps that one layer makes, such as a subclassed keras.Model, cannot "
            "be told apart: make the backbone of single layers or a functional keras.Model, or use 'heads', 'all' or a "
            "regular expression."
        )
    return stages


def _stages_by_graph(feature_maps):
    """{layer name: stage} by what C2, C3, ... are computed from: stage 2 is behind C2, stage 3 is what C3 adds to it, and so on."""
    stages = {}
    for stage, feature_map in enumerate(feature_maps, start=2):
        for name in _names_behind(feature_map):
            stages.setdefault(name, stage)
    return stages


def _names_behind(tensor):
    """The names of all layers that a symbolic tensor is computed from; of a functional model on the way, those of the output it takes."""
    names, seen, waiting = set(), set(), [tensor]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, node, output = tensor._keras_history
        if isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
            waiting.append(operation.outputs[output])
        elif isinstance(operation, keras.Layer):
            names |= {operation.name, *weight_layers(operation)}
        waiting += operation._inbound_nodes[node].input_tensors
    return names
