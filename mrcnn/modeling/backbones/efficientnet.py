"""EfficientNet-B0 to B4 and EfficientNetV2-B0 to B3 and S, as keras.applications builds them, with the BatchNorm of detectors."""

import re

import keras

from mrcnn.modeling.convolutions import CoveringConv2D
from mrcnn.modeling.normalization import BatchNorm

# The function of keras.applications that builds each.
APPLICATIONS = (
    {f"efficientnet_b{n}": f"EfficientNetB{n}" for n in range(5)}
    | {f"efficientnetv2_b{n}": f"EfficientNetV2B{n}" for n in range(4)}
    | {"efficientnetv2_s": "EfficientNetV2S"}
)
STAGE_OF_GROUP = {1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 5, 7: 5}


def efficientnet(name, update_statistics=False, channels=3):
    """An EfficientNet (Tan and Le 2019, 2021) as a Keras model: (B, H, W, 3), normalised RGB -> [C2, C3, C4, C5] at strides 4, 8, 16, 32.

    name: one of APPLICATIONS. A feature map is what the last block of its stride hands on, as in EfficientDet, not the expanded
    activation inside the next block; the 1280-channel convolution behind the last block is left out. Three things differ from
    keras.applications: pixels are normalised outside, by the config's MEAN_PIXEL and PIXEL_STD; BatchNorm's statistics are frozen unless
    `update_statistics`; and no block is skipped at random, so a training step is a function of its batch. Layer names are theirs.
    """
    published = getattr(keras.applications, APPLICATIONS[name])(
        weights=None, include_top=False, input_shape=(None, None, channels)
    )
    stem = next(layer for layer in published.layers if stage_of(layer.name) == 1)
    last = {stage_of(layer.name): layer.output for layer in published.layers}

    def ours(layer):
        if isinstance(layer, keras.layers.BatchNormalization):
            return BatchNorm(update_statistics, **layer.get_config())
        if isinstance(layer, keras.layers.Dropout):
            return keras.layers.Identity(name=layer.name)
        if "_se_" in layer.name and isinstance(
            layer, keras.layers.Conv2D
        ):  # the gates: 1 x 1 on maps of one cell
            return CoveringConv2D.from_config(layer.get_config())
        return type(layer).from_config(layer.get_config())

    # Called with its tensors only: our BatchNorm takes no mask.
    return keras.models.clone_model(
        keras.Model(stem.input, [last[stage] for stage in (2, 3, 4, 5)], name=name),
        keras.Input((None, None, channels), name="image"),
        clone_function=ours,
        call_function=lambda layer, *tensors, **_: layer(*tensors),
    )


def stage_of(layer_name):
    """The stage (1..5) a layer of this family belongs to; None for other layers."""
    if layer_name.startswith("stem_"):
        return 1
    found = re.match(r"block(\d)[a-z]+_", layer_name)
    return STAGE_OF_GROUP[int(found.group(1))] if found else None
