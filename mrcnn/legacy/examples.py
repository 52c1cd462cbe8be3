"""One example of a data set as Matterport hands it over: molded to the canvas, augmented, with boxes, masks and its image meta."""

import random
import warnings

import numpy as np

from mrcnn.data.augmentation.pipeline import augmenter_of
from mrcnn.data.loading.load_example import load_sample, naming_image


def load_image_gt(
    dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False, rng=None
):
    """An image and its objects, on the canvas of the network input.

    dataset: a prepared `Dataset`; augment: deprecated, flips left and right with a chance of 1/2; augmentation: an imgaug augmenter,
    or a callable (image, masks, rng) -> (image, masks); use_mini_mask: masks of MINI_MASK_SHAPE in
    place of the canvas's size; None takes the config's USE_MINI_MASK
    rng: np.random.Generator, the source of all chance; None takes a seed from `random`
    Returns: image (H, W, 3) uint8; image_meta (12 + K,), see `compose_image_meta`; class_ids (N,) int32, negative for crowds; boxes
    (N, 4) int32 yxyx, pixels of the canvas; masks (H, W, N) or (*MINI_MASK_SHAPE, N) bool. Objects of which nothing is in the picture
    are left out. Raises RuntimeError naming the image if anything about it fails.
    """
    return load_with_fields(
        dataset, config, image_id, augment, augmentation, use_mini_mask, rng, stacklevel=3
    )[:5]


def load_with_fields(
    dataset,
    config,
    image_id,
    augment=False,
    augmentation=None,
    use_mini_mask=False,
    rng=None,
    stacklevel=2,
):
    """`load_image_gt`, and as a sixth result the further columns of the objects, {name: (N, …)}."""
    rng = rng if rng is not None else np.random.default_rng(random.getrandbits(64))
    if augment:
        warnings.warn(
            "augment=True is deprecated, as in Matterport's code. Use augmentation=imgaug.augmenters.Fliplr(0.5).",
            FutureWarning,
            stacklevel=stacklevel,
        )
    augmenter = augmenter_of([_flip if augment else None, augmentation])
    scene, placement = load_sample(dataset, image_id, config, rng)
    with naming_image(dataset, image_id):
        scene = augmenter.augment(scene, rng)
    scene = scene.keep(np.flatnonzero(scene.masks.areas))
    if config.USE_MINI_MASK if use_mini_mask is None else use_mini_mask:
        masks = scene.masks.minimise(tuple(config.MINI_MASK_SHAPE)).transpose(1, 2, 0).astype(bool)
    else:
        masks = scene.masks.dense()
    photo_shape = (*placement.original_hw, scene.image.shape[2])
    meta = compose_image_meta(
        image_id,
        photo_shape,
        scene.image.shape,
        placement.window,
        placement.scale,
        dataset.active_class_ids(image_id),
    )
    boxes = scene.masks.boxes.astype(np.int32)
    return scene.image, meta, scene.class_ids, boxes, masks, scene.fields


def _flip(image, masks, rng):
    """Left and right changed in every second case."""
    return (image[:, ::-1], masks[:, ::-1]) if rng.random() < 0.5 else (image, masks)


# Columns of a row; the classes take what is left.
FIELDS = {
    "image_id": 0,
    "original_image_shape": slice(1, 4),
    "image_shape": slice(4, 7),
    "window": slice(7, 11),
    "scale": 11,
    "active_class_ids": slice(12, None),
}


def compose_image_meta(
    image_id, original_image_shape, image_shape, window, scale, active_class_ids
):
    """One row, (12 + K,) float64.

    image_id: int; original_image_shape: (height, width, channels) of the photo; image_shape: of the network input; window: (4,) yxyx,
    where the photo lies in the input, pixels; scale: from photo to input; active_class_ids: (K,), 1 for the classes that the image's
    source labels, else 0
    """
    return np.array(
        [image_id, *original_image_shape, *image_shape, *window, scale, *active_class_ids],
        np.float64,
    )


def parse_image_meta(meta):
    """The way back: rows (..., 12 + K) -> the arguments of `compose_image_meta` by name, (..., n); scale float32, all else int32."""
    meta = np.asarray(meta)
    return {
        name: meta[..., columns].astype(np.float32 if name == "scale" else np.int32)
        for name, columns in FIELDS.items()
    }
