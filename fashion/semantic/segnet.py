"""SegNet: no features are carried over from the way down, only the places of the maxima."""

import keras

from fashion.semantic.layers import conv_bn_relu, pool, unpool

CONVS = (2, 2, 3, 3, 3)  # of each stage, as in VGG16
GROWTH = (1, 2, 4, 8, 8)  # channels, times the width


def segnet(image_hw, num_classes, width=64):
    """SegNet (Badrinarayanan et al. 2017) as a Keras model: (B, H, W, 3) -> logits (B, H, W, num_classes).

    image_hw: multiples of 32; width: channels of the first stage. Each max pooling of the way down is undone by the same places on the way
    up, which mirrors it; its last convolution makes the logits, without batch normalisation, as in the paper.
    """
    x = image = keras.Input((*image_hw, 3), name="image")
    places = []
    for stage, (convs, growth) in enumerate(zip(CONVS, GROWTH), start=1):
        for i in range(convs):
            x = conv_bn_relu(x, width * growth, f"down{stage}{'abc'[i]}")
        x, place = pool(x)
        places.append(place)
    for stage in range(5, 0, -1):
        x = unpool(x, places[stage - 1])
        convs, here, above = (
            CONVS[stage - 1],
            width * GROWTH[stage - 1],
            width * GROWTH[max(stage - 2, 0)],
        )
        for i in range(convs - (stage == 1)):
            x = conv_bn_relu(x, above if i == convs - 1 else here, f"up{stage}{'abc'[i]}")
    x = keras.layers.Conv2D(num_classes, 3, padding="same", name="logits")(x)
    return keras.Model(image, x, name="segnet")
