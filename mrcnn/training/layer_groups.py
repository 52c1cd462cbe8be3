"""Layer groups: which layers learn in a stage, by Matterport's names."""
import logging
import re

from mrcnn.modeling.build import stage_of_layer
from mrcnn.modeling.weight_files import weight_layers

log = logging.getLogger(__name__)
FROM_STAGE = {"heads": 6, "3+": 3, "4+": 4, "5+": 5}


def set_trainable(model, config, layers):
    """Let the layers that `layers` names learn and freeze the others; returns the names of those that learn.

    layers: "heads" (everything but the backbone), "3+", "4+", "5+" (that backbone stage and later, and the heads), "all", or a
    regular expression that must match a layer's whole name. Raises ValueError if nothing matches.
    """
    chosen, backbone = [], weight_layers(model.backbone)
    for name, layer in weight_layers(model).items():
        layer.trainable = _learns(name, name in backbone, config, layers)
        if layer.trainable:
            chosen.append(name)
    if not chosen:
        raise ValueError(f"layers={layers!r} matches no layer. Use 'heads', '3+', '4+', '5+', 'all' or a regular expression for "
                         f"names like {', '.join(list(weight_layers(model))[-3:])}.")
    log.info("%d layers learn (layers=%r)", len(chosen), layers)
    return chosen


def _learns(name, in_backbone, config, layers):
    if layers == "all":
        return True
    if layers in FROM_STAGE:
        return not in_backbone or (stage_of_layer(config, name) or 0) >= FROM_STAGE[layers]
    return bool(re.fullmatch(layers, name))
