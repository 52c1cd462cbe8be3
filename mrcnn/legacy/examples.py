"""One example of a data set as Matterport hands it over: molded to the canvas, augmented, with boxes, masks and its image meta."""
import random
import warnings

import numpy as np

from mrcnn.data.augmentation import ImgaugAugmenter
from mrcnn.data.ground_truth import place_masks
from mrcnn.data.instance_masks import boxes_of_masks, minimise
from mrcnn.data.resize import place_for
from mrcnn.legacy.image_meta import compose_image_meta


def load_image_gt(dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=None, rng=None):
    """An image and its objects, on the canvas of the network input.

    dataset: a prepared `Dataset`; augment: deprecated, flips left and right with a chance of 1/2; augmentation: an imgaug augmenter,
    or a callable (image, masks, rng) -> (image, masks); use_mini_mask: None takes the config's USE_MINI_MASK
    rng: np.random.Generator, the source of all chance; None takes a seed from `random`
    Returns: image (H, W, 3) uint8; image_meta (12 + K,), see `compose_image_meta`; class_ids (N,) int32, negative for crowds; boxes
    (N, 4) int32 yxyx, pixels of the canvas; masks (H, W, N) or (*MINI_MASK_SHAPE, N) bool. Objects of which nothing is in the picture
    are left out. Raises RuntimeError naming the image if anything about it fails.
    """
    rng = rng if rng is not None else np.random.default_rng(random.getrandbits(64))
    augmenter = as_augmenter(augmentation)
    try:
        photo = dataset.load_image(image_id)
        masks, class_ids = dataset.load_mask(image_id)
        _check(photo, masks, class_ids)
        active_class_ids = _active_class_ids(dataset, image_id)
        placement = place_for(config, photo.shape[:2], rng)
        image, masks = placement.image(photo), place_masks(placement, masks)
        if augment:
            image, masks = _flip(image, masks, rng)
        if augmenter is not None:
            image, masks = augmenter(image, masks, rng)
    except Exception as error:
        raise RuntimeError(f"Image {dataset.image_info[image_id].get('path') or image_id!r} could not be prepared: {error}") from error
    visible = masks.any(axis=(0, 1))
    masks, class_ids = masks[:, :, visible], np.asarray(class_ids, np.int32)[visible]
    boxes = boxes_of_masks(masks)
    if config.USE_MINI_MASK if use_mini_mask is None else use_mini_mask:
        masks = minimise(masks, boxes, tuple(config.MINI_MASK_SHAPE)).transpose(1, 2, 0).astype(bool)
    meta = compose_image_meta(image_id, photo.shape, image.shape, placement.window, placement.scale, active_class_ids)
    return image, meta, class_ids, boxes.astype(np.int32), masks


def as_augmenter(augmentation):
    """An augmenter as `mrcnn.data.augmentation` describes it: (image, masks, rng) -> (image, masks). None stays None.

    imgaug's are wrapped, so that the masks move along; any other callable is taken to be one already.
    """
    is_imgaug = type(augmentation).__module__.startswith("imgaug") or hasattr(augmentation, "to_deterministic")
    return ImgaugAugmenter(augmentation) if is_imgaug else augmentation


def _flip(image, masks, rng):
    warnings.warn("augment=True is deprecated, as in Matterport's code. Use augmentation=imgaug.augmenters.Fliplr(0.5).",
                  DeprecationWarning, stacklevel=3)
    return (image[:, ::-1], masks[:, ::-1]) if rng.random() < 0.5 else (image, masks)


def _active_class_ids(dataset, image_id):
    """(K,) int32: 1 for the classes that the image's source labels."""
    source = dataset.image_info[image_id]["source"]
    if source not in dataset.source_class_ids:
        raise ValueError(f"its source {source!r} has no classes. Give them with add_class({source!r}, ...), then call prepare().")
    active = np.zeros(dataset.num_classes, np.int32)
    active[dataset.source_class_ids[source]] = 1
    return active


def _check(photo, masks, class_ids):
    if masks.ndim != 3 or masks.shape[:2] != photo.shape[:2] or masks.shape[2] != len(class_ids):
        raise ValueError(f"load_mask must return masks of (height, width, N) in the photo's size {photo.shape[:2]}, and N class ids. Got "
                         f"{masks.shape} and {len(class_ids)}.")
