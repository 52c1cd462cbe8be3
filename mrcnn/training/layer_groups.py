"""Layer groups: which layers learn in a stage, by Matterport's names."""
import logging
import re

from mrcnn.modeling.build import stage_of_layer

log = logging.getLogger(__name__)
FROM_STAGE = {"heads": 6, "3+": 3, "4+": 4, "5+": 5}


def weight_layers(model):
    """The layers that own weights, by name: {name: layer}. Raises ValueError if two bear one name, since files go by names."""
    found = {}
    for layer in model._flatten_layers(include_self=False):
        if layer.weights and not any(sub.weights for sub in layer._flatten_layers(include_self=False)):
            if layer.name in found and found[layer.name] is not layer:
                raise ValueError(f"Two layers are called {layer.name!r}, but weight files go by layer names. Rename one of them.")
            found[layer.name] = layer
    return found


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
