"""FCN: a classifier's features, kept large by dilation, each cell classified and the result enlarged."""

import keras
from keras import layers

from fashion.semantic.encoders import dilated_resnet50
from fashion.semantic.layers import classify, conv_bn_relu


def fcn_resnet50(image_hw, num_classes, width=64):
    """FCN (Long et al. 2015) on ResNet-50, as torchvision has it: (B, H, W, 3) -> logits (B, H, W, num_classes).

    image_hw: multiples of 32; width: 64 is a ResNet-50. Features at output stride 8, a convolution to a quarter of their channels (512),
    dropout of a tenth, a 1x1 convolution, and bilinear enlarging by 8. Without torchvision's auxiliary classifier.
    """
    encoder = dilated_resnet50(image_hw, width)
    x = conv_bn_relu(encoder.output, 8 * width, "head")
    x = layers.Dropout(0.1, name="head_dropout")(x)
    x = layers.UpSampling2D(8, interpolation="bilinear", name="enlarged")(classify(x, num_classes))
    return keras.Model(encoder.input, x, name="fcn_resnet50")
