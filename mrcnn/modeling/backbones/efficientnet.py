"""EfficientNet-B0 to B4, and V2-B0 to B3 and S: those of keras.applications for detectors."""

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


def efficientnet(name: str, update_statistics: bool = False, channels: int = 3) -> keras.Model:
    """Builds an EfficientNet (Tan and Le 2019, arXiv:1905.11946; 2021, arXiv:2104.00298).

    A feature map is the output of the last block of its stride, as in EfficientDet, not the
    expanded activation inside the next block; the 1280-channel convolution behind the last block is
    left out. Three things differ from keras.applications: pixels are normalised outside, by the
    config's MEAN_PIXEL and PIXEL_STD; statistics of BatchNorm are frozen by default; and no block
    is skipped at random, so that a training step is a function of its batch. Layer names are those
    of keras.applications.

    Args:
        name: A key of APPLICATIONS.
        update_statistics: Whether training updates the statistics of batch normalisation.
        channels: Of the image.

    Returns:
        A model from `(B, H, W, channels)`, normalised RGB, to [C2, C3, C4, C5] at strides 4, 8, 16,
        32.
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
        # Squeeze-and-excitation: 1 x 1 convolutions of maps of one cell.
        if "_se_" in layer.name and isinstance(layer, keras.layers.Conv2D):
            return CoveringConv2D.from_config(layer.get_config())
        return type(layer).from_config(layer.get_config())

    # Called with its tensors only: our BatchNorm takes no mask.
    return keras.models.clone_model(
        keras.Model(stem.input, [last[stage] for stage in (2, 3, 4, 5)], name=name),
        keras.Input((None, None, channels), name="image"),
        clone_function=ours,
        call_function=lambda layer, *tensors, **_: layer(*tensors),
    )


def stage_of(layer_name: str) -> int | None:
    """Finds the stage that a layer belongs to.

    Args:
        layer_name: Of any layer.

    Returns:
        1 to 5, or None for layers of other families.
    """
    if layer_name.startswith("stem_"):
        return 1
    found = re.match(r"block(\d)[a-z]+_", layer_name)
    return STAGE_OF_GROUP[int(found.group(1))] if found else None
