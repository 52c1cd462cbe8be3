"""Augmentation of images of clothes: changes that look real and leave every label true.

A mirrored dress has the same categories and attributes: no official name (46 categories; 92
attributes of 2019, 294 of 2020) says left or right, and asymmetrical or one-shoulder cuts stay so
in the mirror. A test reads the label files. Nothing is turned upside down, and sizes change little:
clothes hang, and length and fit are attributes, judged against the person who wears them.
"""

from mrcnn.data.augmentation.imgaug_adapter import ImgaugAugmenter
from mrcnn.data.augmentation.imgaug_import import import_imgaug

# Ranges are drawn from uniformly, once for each image.
FLIP_PROBABILITY = 0.5
SCALE = (0.8, 1.2)
TRANSLATE = (-0.08, 0.08)  # share of the canvas, per axis
ROTATE = (-8, 8)  # degrees
BRIGHTNESS = (0.8, 1.2)  # factor on all channels
# Gamma: below 1 everything between black and white becomes lighter, above 1 darker.
CONTRAST = (0.8, 1.25)
# 0 is grey, 1 unchanged. Hue stays: people know clothes by their colours.
SATURATION = (0.7, 1.3)


def default_augmenter() -> ImgaugAugmenter:
    """Makes the augmenter of a training: mirror, small movements, small changes of light.

    Uncovered pixels are black, like the padding around a resized image, which no change of color
    touches; they belong to no mask. About 3 ms for an image of 256 x 256 with eight masks.

    Returns:
        An augmenter, called as (image, masks, rng).
    """
    iaa = import_imgaug().augmenters
    return ImgaugAugmenter(
        iaa.Sequential(
            [
                iaa.Multiply(BRIGHTNESS),
                iaa.GammaContrast(CONTRAST),
                iaa.pillike.EnhanceColor(SATURATION),
                iaa.Fliplr(FLIP_PROBABILITY),
                iaa.Affine(
                    scale=SCALE,
                    translate_percent={"x": TRANSLATE, "y": TRANSLATE},
                    rotate=ROTATE,
                    mode="constant",
                    cval=0,
                ),
            ]
        )
    )
