"""Turns whatever a user gives as augmentation into one object with `augment(sample, rng)`."""

import numpy as np

from mrcnn.data.augmentation.albumentations_adapter import AlbumentationsAugmenter
from mrcnn.data.augmentation.imgaug_adapter import ImgaugAugmenter
from mrcnn.data.dataset import as_uint8_image
from mrcnn.data.masks.cropped import CroppedMasks


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
        return AugmenterSequence([augmenter_of(a) for a in augmentation if a is not None])
    if callable(augmentation):
        return FunctionAugmenter(augmentation)
    raise TypeError(
        f"An augmentation is an augmenter of imgaug, a transform of Albumentations or a function (image, masks, rng) -> "
        f"(image, masks). Got {type(augmentation).__name__}."
    )


class AugmenterSequence:
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
            as_uint8_image(image, scene.image.shape[2], "The image that an augmenter returned"),
            np.asarray(masks),
        )
        if image.shape != scene.image.shape or masks.shape != (*image.shape[:2], len(scene.masks)):
            raise ValueError(
                f"An augmenter must return an image {scene.image.shape} and masks "
                f"{(*scene.image.shape[:2], len(scene.masks))}, as it got them. It returned {image.shape} and {masks.shape}."
            )
        return scene.moved(image, CroppedMasks.from_dense(masks))


def _is_imgaug(augmentation):
    return type(augmentation).__module__.startswith("imgaug") or hasattr(
        augmentation, "to_deterministic"
    )


def _is_albumentations(augmentation):
    """Also a class of your own that is derived from theirs, and a class of theirs of which no object was made yet."""
    return any(
        kind.__module__.split(".")[0] == "albumentations" for kind in type(augmentation).__mro__
    )
