"""Augmentation: change a picture and its masks by the same chance, so that every pixel keeps its label.

An augmenter is either a function

    image, masks = augmenter(image, masks, rng)

    image:   (H, W, 3) uint8, RGB
    masks:   (H, W, N) bool; N may be 0
    Returns: new arrays of the same shapes and types; the inputs are left as they were

or an object with a method

    scene = augmenter.augment(scene, rng)       # see `mrcnn.data.scene.Scene`

which sees the columns of the objects as well, may drop or add objects, and costs less, since its masks are small windows. In both rng,
an np.random.Generator, is the only source of chance: the same rng gives the same result. Boxes are not passed along: they are made from
the masks afterwards. Objects of which too little is left are dropped later, by `mrcnn.data.ground_truth`.

imgaug's and Albumentations' augmenters can be given as they are, and several in a list.
"""

import numpy as np

from mrcnn.data.albumentations_adapter import AlbumentationsAugmenter
from mrcnn.data.dataset import as_photo
from mrcnn.data.imgaug_adapter import ImgaugAugmenter
from mrcnn.data.window_masks import WindowMasks


def augmenter_of(augmentation):
    """An object with `augment(scene, rng)` for whatever was given: imgaug's augmenter, an Albumentations transform, a function as
    above, such an object, or a list of them, which is applied in its order. None stays None.

    Raises ValueError for what cannot keep masks on their objects, TypeError for what is none of these, and ImportError if the
    transform is not of Albumentations 2.0.
    """
    if augmentation is None or hasattr(augmentation, "augment") and not _is_imgaug(augmentation):
        return augmentation
    if _is_imgaug(augmentation):  # before lists: imgaug's Sequential and OneOf are lists as well
        return ImgaugAugmenter(augmentation)
    if _is_albumentations(augmentation):
        return AlbumentationsAugmenter(augmentation)
    if isinstance(augmentation, (list, tuple)):
        return InTurn([augmenter_of(a) for a in augmentation if a is not None])
    if callable(augmentation):
        return FunctionAugmenter(augmentation)
    raise TypeError(
        f"An augmentation is an augmenter of imgaug, a transform of Albumentations or a function (image, masks, rng) -> "
        f"(image, masks). Got {type(augmentation).__name__}."
    )


class InTurn:
    """Augmenters one after the other."""

    def __init__(self, augmenters):
        self.augmenters = list(augmenters)

    def augment(self, scene, rng):
        """See the head of this file."""
        for augmenter in self.augmenters:
            scene = augmenter.augment(scene, rng)
        return scene


class FunctionAugmenter:
    """A function (image, masks, rng) -> (image, masks) of dense masks."""

    def __init__(self, function):
        self.function = function

    def augment(self, scene, rng):
        """See the head of this file. Raises ValueError if the function changes the canvas or the number of masks."""
        image, masks = self.function(scene.image, scene.masks.dense(), rng)
        image, masks = (
            as_photo(image, scene.image.shape[2], "The image that an augmenter returned"),
            np.asarray(masks),
        )
        if image.shape != scene.image.shape or masks.shape != (*image.shape[:2], len(scene.masks)):
            raise ValueError(
                f"An augmenter must return an image {scene.image.shape} and masks "
                f"{(*scene.image.shape[:2], len(scene.masks))}, as it got them. It returned {image.shape} and {masks.shape}."
            )
        return scene.moved(image, WindowMasks.from_dense(masks))


def _is_imgaug(augmentation):
    return type(augmentation).__module__.startswith("imgaug") or hasattr(
        augmentation, "to_deterministic"
    )


def _is_albumentations(augmentation):
    """Also a class of your own that is derived from theirs, and a class of theirs of which no object was made yet."""
    return any(
        kind.__module__.split(".")[0] == "albumentations" for kind in type(augmentation).__mro__
    )
