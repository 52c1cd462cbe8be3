"""What may be done to a photo of clothes: what still looks like a photo, and leaves every label true.

A mirrored dress has the same categories and attributes: none of the official names (46 categories;
92 attributes of 2019, 294 of 2020) says left or right, and asymmetrical or one-shoulder cuts stay so in the
mirror. A test reads the label files.
Nothing is turned upside down, and sizes change little: clothes hang, and length and fit are attributes
(mini, maxi; tight, loose), judged against the person who wears them.
"""

from mrcnn.data.augmentation.imgaug_adapter import ImgaugAugmenter
from mrcnn.data.augmentation.imgaug_import import import_imgaug

# Each is the whole range, drawn uniformly per photo.
FLIP_PROBABILITY = 0.5
SCALE = (0.8, 1.2)
TRANSLATE = (-0.08, 0.08)  # of the canvas, per axis
ROTATE = (-8, 8)  # degrees
BRIGHTNESS = (0.8, 1.2)  # factor on all channels
CONTRAST = (
    0.8,
    1.25,
)  # gamma: 0 and 255 stay, what lies between becomes lighter below 1 and darker above
SATURATION = (
    0.7,
    1.3,
)  # 0 is gray, 1 as it was; hue stays, because colours are what people know clothes by


def default_augmenter():
    """Mirror, a small movement, a little light. Returns an augmenter, called as (image, masks, rng).

    What the movement uncovers is black, as the padding around a resized photo is and stays, since none of the
    changes of colour touches black; it belongs to no mask. About 3 ms a photo of 256 x 256 pixels with eight masks.
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
