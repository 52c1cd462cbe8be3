"""U-Net: down and up again, each level of the way up seeing what the way down saw at its size."""

import keras
from keras import layers

from fashion.semantic.encoders import lite0
from fashion.semantic.layers import classify, conv_bn_relu


def unet(image_hw, num_classes, width=64):
    """U-Net (Ronneberger et al. 2015) as a Keras model: (B, H, W, 3) -> logits (B, H, W, num_classes).

    image_hw: multiples of 16; width: channels of the first level, which double four times. Unlike the paper's, convolutions keep the
    size, so that every pixel has a label, and are followed by batch normalisation.
    """
    x = image = keras.Input((*image_hw, 3), name="image")
    skips = []
    for level in range(4):
        x = _two_convs(x, width * 2**level, f"down{level + 1}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"pool{level + 1}")(x)
    x = _two_convs(x, width * 16, "bottom")
    for level, skip in reversed(list(enumerate(skips))):
        x = layers.Conv2DTranspose(width * 2**level, 2, 2, name=f"up{level + 1}")(x)
        x = _two_convs(
            layers.Concatenate(name=f"skip{level + 1}")([skip, x]),
            width * 2**level,
            f"up{level + 1}",
        )
    return keras.Model(image, classify(x, num_classes), name="unet")


def unet_lite0(image_hw, num_classes, width=64):
    """A U-Net whose way down is EfficientNet-Lite0, for weights trained on ImageNet: (B, H, W, 3) -> (B, H, W, num_classes).

    image_hw: multiples of 32; width: of the way up, whose levels have 4, 2, 1, 1/2 and 1/4 times as many channels. The last level, at
    full size, has nothing beside it to see: the encoder's first convolution halves the picture.
    """
    encoder = lite0(image_hw)
    *skips, x = encoder.outputs
    for level in range(4, -1, -1):
        x = layers.UpSampling2D(2, name=f"up{level}")(x)
        if level:
            x = layers.Concatenate(name=f"skip{level}")([skips[level - 1], x])
        x = _two_convs(x, max(1, width * 2**level // 4), f"up{level}")
    return keras.Model(encoder.input, classify(x, num_classes), name="unet_lite0")


def _two_convs(x, filters, name):
    return conv_bn_relu(conv_bn_relu(x, filters, f"{name}a"), filters, f"{name}b")
