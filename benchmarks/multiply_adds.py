"""Multiply-adds: the arithmetic of one image, counted from the settings.

A convolution of kernel kh x kw from C to D channels costs  out_h * out_w * kh * kw * C * D
multiply-adds, a depthwise one  out_h * out_w * kh * kw * C, a transposed one
in_h * in_w * kh * kw * C * D, a dense layer  C * D  for each row. Published "FLOPs" of detectors
are these numbers; a device's FLOP/s count a multiply-add as two. Normalisation, activations,
RoIAlign and suppression are left out: they move memory rather than multiply.
"""

import keras

FORWARD_AND_BACKWARD = 3  # a layer that is trained: outputs, input gradients, weight gradients


def inference_macs(config, backbone, *, described, num_attributes=0):
    """Multiply-adds by part to predict an image with `described` mask rows."""
    box = box_head_macs(config, config.POST_NMS_ROIS_INFERENCE, stages=config.CASCADE_STAGES)
    # Attributes need the box features of the detections.
    again = box_head_macs(config, described) if num_attributes else 0
    return _trunk(config, backbone) | {
        "box": box + again,
        "mask": mask_head_macs(config, described),
        "attributes": attribute_macs(config, described, num_attributes),
    }


def training_macs(config, backbone, num_attributes=0, positives=None):
    """Multiply-adds by part of an image's forward pass in training.

    Masks and attributes are computed at the `positives` RoIs only; None for as many as may be,
    which is what a step under XLA computes.
    """
    positives = config.positive_rois if positives is None else positives
    return _trunk(config, backbone) | {
        "box": box_head_macs(config, config.TRAIN_ROIS_PER_IMAGE, stages=config.CASCADE_STAGES),
        "mask": mask_head_macs(config, positives),
        "attributes": attribute_macs(config, positives, num_attributes),
    }


def step_macs(forward):
    """Multiply-adds of a training step of every layer, from `training_macs`.

    The RPN is trained at its sampled anchors alone, which costs next to nothing (`RPNHead.at`).
    """
    return (
        FORWARD_AND_BACKWARD * sum(forward.values()) - (FORWARD_AND_BACKWARD - 1) * forward["rpn"]
    )


def backbone_macs(model, image_hw):
    """Multiply-adds of all convolutions of a functional model for one image; computes nothing.

    A dense layer runs at every cell, as a convolution of 1 x 1.
    """
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    convs = [layer for layer in model.layers if isinstance(layer, kinds)]
    image = keras.KerasTensor((1, *image_hw, model.input_shape[-1]))
    outputs = keras.Model(model.inputs, [layer.output for layer in convs]).compute_output_spec(
        image
    )
    total = 0
    for layer, output in zip(convs, outputs, strict=True):
        # Depthwise: filters of each channel, so 1. Dense layers have two axes.
        kernel_h, kernel_w, channels, filters = (1, 1, *layer.kernel.shape)[-4:]
        total += output.shape[1] * output.shape[2] * kernel_h * kernel_w * channels * filters
    return total


def fpn_macs(config, feature_channels):
    """1x1 laterals from C2..C5 and 3x3 smoothing of P2..P5; without a pyramid those of C4 alone.

    Gates are left out.
    """
    channels = config.TOP_DOWN_PYRAMID_SIZE
    read = feature_channels if config.NECK == "fpn" else feature_channels[2:3]
    return sum(
        cells * (incoming * channels + 9 * channels * channels)
        for cells, incoming in zip(_cells(config)[:4], read, strict=True)
    )


def rpn_macs(config):
    """A 3x3 convolution, then 2 scores and 4 deltas of each anchor, at every cell."""
    anchors = len(config.anchor_shapes[1])
    per_cell = (
        9 * config.TOP_DOWN_PYRAMID_SIZE * config.RPN_CHANNELS + config.RPN_CHANNELS * 6 * anchors
    )
    return sum(_cells(config)) * per_cell // config.RPN_ANCHOR_STRIDE**2


def box_head_macs(config, rois, *, stages=1):
    """Two hidden layers, class scores and a set of deltas for each class.

    Further stages of a cascade have one set of deltas.
    """
    hidden = config.FPN_CLASSIF_FC_LAYERS_SIZE
    layers = config.POOL_SIZE**2 * config.TOP_DOWN_PYRAMID_SIZE * hidden + hidden * hidden
    first = layers + hidden * 5 * config.NUM_CLASSES
    return rois * (first + (stages - 1) * (layers + hidden * (config.NUM_CLASSES + 4)))


def mask_head_macs(config, rois):
    """Four 3x3 convolutions on the pooled grid, a 2x2 upsampling, and a 1x1 convolution.

    Refined masks have a second upsampling and convolution, with a quarter of the channels.
    """
    cells, channels = config.MASK_POOL_SIZE**2, config.MASK_CHANNELS
    convs = 9 * channels * (config.TOP_DOWN_PYRAMID_SIZE + 3 * channels)
    fine = max(channels // 4, 1) if config.refines_masks else 0
    again = 4 * (4 * channels * fine + 4 * fine)
    return rois * cells * (convs + 4 * channels * channels + 4 * channels + again)


def attribute_macs(config, rois, num_attributes):
    """Dense layers on the box head's features; ValueError for heads that pool themselves."""
    features = config.FPN_CLASSIF_FC_LAYERS_SIZE
    if not num_attributes:
        return 0
    if config.ATTRIBUTE_HEAD not in ("linear", "mlp"):
        raise ValueError(
            "The multiply-adds of attribute heads are known for linear and mlp. "
            f"Got {config.ATTRIBUTE_HEAD!r}."
        )
    outputs = num_attributes * (config.NUM_CLASSES if config.ATTRIBUTE_PER_CLASS else 1)
    if config.ATTRIBUTE_HEAD == "mlp":
        return rois * config.ATTRIBUTE_HIDDEN * (features + config.ATTRIBUTE_HIDDEN + outputs)
    return rois * features * outputs


def _trunk(config, backbone):
    feature_channels = [output.shape[-1] for output in backbone.outputs]
    return {
        "backbone": backbone_macs(backbone, config.image_hw),
        "fpn": fpn_macs(config, feature_channels),
        "rpn": rpn_macs(config),
    }


def _cells(config):
    height, width = config.image_hw
    return [(height // stride) * (width // stride) for stride in config.BACKBONE_STRIDES]
