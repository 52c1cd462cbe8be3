"""One example of a data set as Matterport hands it over: molded to the canvas, augmented, with boxes, masks and its image meta."""
import random
import warnings

import numpy as np

from mrcnn.data.augmentation import ImgaugAugmenter
from mrcnn.data.ground_truth import load_on_canvas
from mrcnn.data.instance_masks import boxes_of_masks, minimise
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
    if augment:
        warnings.warn("augment=True is deprecated, as in Matterport's code. Use augmentation=imgaug.augmenters.Fliplr(0.5).",
                      FutureWarning, stacklevel=2)
    image, masks, class_ids, _, placement = load_on_canvas(dataset, image_id, config, _flipping(augmenter) if augment else augmenter, rng)
    visible = masks.any(axis=(0, 1))
    masks, class_ids = masks[:, :, visible], class_ids[visible]
    boxes = boxes_of_masks(masks)
    if config.USE_MINI_MASK if use_mini_mask is None else use_mini_mask:
        masks = minimise(masks, boxes, tuple(config.MINI_MASK_SHAPE)).transpose(1, 2, 0).astype(bool)
    photo_shape = (*placement.photo_hw, image.shape[2])
    meta = compose_image_meta(image_id, photo_shape, image.shape, placement.window, placement.scale, dataset.active_class_ids(image_id))
    return image, meta, class_ids, boxes.astype(np.int32), masks


def as_augmenter(augmentation):
    """An augmenter as `mrcnn.data.augmentation` describes it: (image, masks, rng) -> (image, masks). None stays None.

    imgaug's are wrapped, so that the masks move along; any other callable is taken to be one already.
    """
    is_imgaug = type(augmentation).__module__.startswith("imgaug") or hasattr(augmentation, "to_deterministic")
    return ImgaugAugmenter(augmentation) if is_imgaug else augmentation


def _flipping(augmenter):
    """The augmenter, with a flip before it in every second case."""
    def flip(image, masks, rng):
        if rng.random() < 0.5:
            image, masks = image[:, ::-1], masks[:, ::-1]
        return augmenter(image, masks, rng) if augmenter is not None else (image, masks)
    return flip
