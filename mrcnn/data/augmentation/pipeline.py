"""Turns whatever a user gives as augmentation into one object with `augment(sample, rng)`."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from mrcnn.data.augmentation.albumentations_adapter import AlbumentationsAugmenter
from mrcnn.data.augmentation.imgaug_adapter import ImgaugAugmenter
from mrcnn.data.dataset import as_uint8_image
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.sample import Sample
from mrcnn.typing import Array


class Augmenter(Protocol):
    """What every augmentation becomes; see `mrcnn.data.augmentation`."""

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Changes an image and its masks alike.

        Args:
            sample: Stays unchanged.
            rng: The only source of randomness.

        Returns:
            A sample on a canvas of the same size; objects may be dropped or added.
        """


def augmenter_of(augmentation: Any) -> Augmenter | None:
    """Converts an augmentation of any kind to an `Augmenter`.

    Args:
        augmentation: An augmenter of imgaug, a transform of Albumentations, a function `(image,
            masks, rng) -> (image, masks)`, an `Augmenter`, or a list of these, which are applied in
            this order. None stays None.

    Returns:
        An object with `augment(sample, rng)`, or None.

    Raises:
        ValueError: For what cannot keep masks on their objects.
        TypeError: For what is none of these.
        ImportError: If the transform is not of Albumentations 2.0.
    """
    if augmentation is None:
        return None
    # Before lists: imgaug's Sequential and OneOf are lists as well, and have a method `augment`.
    if _is_imgaug(augmentation):
        return ImgaugAugmenter(augmentation)
    if hasattr(augmentation, "augment"):
        return augmentation
    if _is_albumentations(augmentation):
        return AlbumentationsAugmenter(augmentation)
    if isinstance(augmentation, (list, tuple)):
        augmenters = (augmenter_of(one) for one in augmentation)
        return AugmenterSequence(one for one in augmenters if one is not None)
    if callable(augmentation):
        return FunctionAugmenter(augmentation)
    raise TypeError(
        "An augmentation is an augmenter of imgaug, a transform of Albumentations or a function "
        f"(image, masks, rng) -> (image, masks). Got {type(augmentation).__name__}."
    )


class AugmenterSequence:
    """Applies augmenters one after the other.

    Args:
        augmenters: In the order of application.
    """

    def __init__(self, augmenters: Iterable[Augmenter]) -> None:
        self.augmenters = list(augmenters)

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """See `Augmenter.augment`.

        Args:
            sample: Image and objects.
            rng: Source of randomness, shared by all augmenters.

        Returns:
            The changed sample.
        """
        for augmenter in self.augmenters:
            sample = augmenter.augment(sample, rng)
        return sample


class FunctionAugmenter:
    """Augments by a function of full-size masks.

    Args:
        function: `(image, masks, rng) -> (image, masks)`, see `mrcnn.data.augmentation`.
    """

    def __init__(self, function: Callable[..., tuple[Array, Array]]) -> None:
        self.function = function

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """See `Augmenter.augment`.

        Args:
            sample: Image and objects.
            rng: Passed to the function.

        Returns:
            The changed sample.

        Raises:
            ValueError: If the function changes the canvas or the number of masks.
        """
        shape = sample.image.shape
        image, masks = self.function(sample.image, sample.masks.dense(), rng)
        image = as_uint8_image(image, shape[2], "The image that an augmenter returned")
        masks = np.asarray(masks)
        if image.shape != shape or masks.shape != (*shape[:2], len(sample.masks)):
            raise ValueError(
                f"An augmenter must return an image {shape} and masks "
                f"{(*shape[:2], len(sample.masks))}, as it got them. It returned {image.shape} and "
                f"{masks.shape}."
            )
        return sample.with_pixels(image, CroppedMasks.from_dense(masks))


def _is_imgaug(augmentation: Any) -> bool:
    is_theirs = type(augmentation).__module__.startswith("imgaug")
    return is_theirs or hasattr(augmentation, "to_deterministic")


def _is_albumentations(augmentation: Any) -> bool:
    """True also for classes derived from theirs, and for a class that was not instantiated."""
    return any(
        kind.__module__.split(".")[0] == "albumentations" for kind in type(augmentation).__mro__
    )
