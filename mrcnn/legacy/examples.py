"""One example of a dataset as Matterport's loader returns it, with its image meta.

An image meta is a row of numbers about an image, which its network takes as an input.
"""

import random
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.augmentation.pipeline import augmenter_of
from mrcnn.data.dataset import Dataset
from mrcnn.data.loading.load_example import load_sample, naming_image
from mrcnn.typing import Array

AUGMENT_IS_DEPRECATED = (
    "augment=True is deprecated, as in Matterport's code. Use "
    "augmentation=imgaug.augmenters.Fliplr(0.5)."
)


def load_image_gt(
    dataset: Dataset,
    config: Config,
    image_id: int,
    augment: bool = False,
    augmentation: Any = None,
    use_mini_mask: bool | None = False,
    rng: np.random.Generator | None = None,
) -> tuple[Array, Array, Array, Array, Array]:
    """Loads an image and its objects, resized to the network input and augmented.

    Objects that are outside the image are left out.

    Args:
        dataset: Prepared.
        config: IMAGE_RESIZE_MODE and so on.
        image_id: Index into the dataset.
        augment: Deprecated; flips left and right with probability 1/2.
        augmentation: An augmenter of imgaug, or a callable `(image, masks, rng) -> (image, masks)`.
        use_mini_mask: Masks of MINI_MASK_SHAPE instead of full size; None for USE_MINI_MASK.
        rng: Source of all randomness; None takes a seed from `random`.

    Returns:
        image: `(H, W, 3)` uint8.
        image_meta: `(12 + K,)`, see `compose_image_meta`.
        class_ids: `(N,)` int32, negative for crowds.
        boxes: `(N, 4)` int32 yxyx, pixels of the network input.
        masks: `(H, W, N)` or `(*MINI_MASK_SHAPE, N)` bool.

    Raises:
        RuntimeError: The image cannot be loaded; the message names it.
    """
    return load_with_fields(
        dataset, config, image_id, augment, augmentation, use_mini_mask, rng, stacklevel=3
    )[:5]


def load_with_fields(
    dataset: Dataset,
    config: Config,
    image_id: int,
    augment: bool = False,
    augmentation: Any = None,
    use_mini_mask: bool | None = False,
    rng: np.random.Generator | None = None,
    stacklevel: int = 2,
) -> tuple[Array, Array, Array, Array, Array, dict[str, Array]]:
    """Loads as `load_image_gt`, with the further columns of the objects.

    Args:
        dataset: As for `load_image_gt`.
        config: Likewise.
        image_id: Likewise.
        augment: Likewise.
        augmentation: Likewise.
        use_mini_mask: Likewise.
        rng: Likewise.
        stacklevel: Of the warning about `augment`.

    Returns:
        The results of `load_image_gt`, and the further columns by name, `(N, ...)`.
    """
    rng = rng if rng is not None else np.random.default_rng(random.getrandbits(64))
    if augment:
        warnings.warn(AUGMENT_IS_DEPRECATED, FutureWarning, stacklevel=stacklevel)
    augmenter: Any = augmenter_of([_flip if augment else None, augmentation])
    sample, placement = load_sample(dataset, image_id, config, rng)
    with naming_image(dataset, image_id):
        sample = augmenter.augment(sample, rng)
    sample = sample.keep(np.flatnonzero(sample.masks.areas))
    if config.USE_MINI_MASK if use_mini_mask is None else use_mini_mask:
        masks = sample.masks.minimise(tuple(config.MINI_MASK_SHAPE)).transpose(1, 2, 0).astype(bool)
    else:
        masks = sample.masks.dense()
    meta = compose_image_meta(
        image_id,
        (*placement.original_hw, sample.image.shape[2]),
        sample.image.shape,
        placement.window,
        placement.scale,
        dataset.active_class_ids(image_id),
    )
    boxes = sample.masks.boxes.astype(np.int32)
    return sample.image, meta, sample.class_ids, boxes, masks, sample.fields


def _flip(image: Array, masks: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Flips left and right with probability 1/2."""
    return (image[:, ::-1], masks[:, ::-1]) if rng.random() < 0.5 else (image, masks)


# Columns of a row; the classes take what is left.
FIELDS: dict[str, Any] = {
    "image_id": 0,
    "original_image_shape": slice(1, 4),
    "image_shape": slice(4, 7),
    "window": slice(7, 11),
    "scale": 11,
    "active_class_ids": slice(12, None),
}


def compose_image_meta(
    image_id: int,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: Sequence[float] | Array,
    scale: float,
    active_class_ids: Sequence[int] | Array,
) -> Array:
    """Writes what Matterport's network receives of an image besides its pixels into one row.

    Args:
        image_id: Any integer.
        original_image_shape: (height, width, channels) of the original image.
        image_shape: (height, width, channels) of the network input.
        window: `(4,)` yxyx, where the image lies in the input, pixels.
        scale: From the original image to the input.
        active_class_ids: `(K,)`, 1 for the classes that the image's source annotates, else 0.

    Returns:
        `(12 + K,)` float64.
    """
    return np.array(
        [image_id, *original_image_shape, *image_shape, *window, scale, *active_class_ids],
        np.float64,
    )


def parse_image_meta(meta: Array) -> dict[str, Array]:
    """Inverts `compose_image_meta`.

    Args:
        meta: `(..., 12 + K)`, one or more rows.

    Returns:
        The arguments of `compose_image_meta` by name, `(..., n)`; scale float32, the rest int32.
    """
    meta = np.asarray(meta)
    return {
        name: meta[..., columns].astype(np.float32 if name == "scale" else np.int32)
        for name, columns in FIELDS.items()
    }
