"""Ground truth of one image: loaded, laid on the canvas, augmented, boxed and cut small, but not yet padded."""
import numpy as np

from mrcnn.data.dataset import as_photo
from mrcnn.data.instance_masks import boxes_of_masks, minimise
from mrcnn.data.resize import place_for, resampling_for

# Below this side length an object on the canvas is a splinter that teaches nothing.
MIN_SIDE = 2.0


def load_ground_truth(dataset, image_id, config, augmenter=None, rng=None):
    """One training example.

    dataset: a prepared `Dataset`; augmenter: callable (image, masks, rng) -> (image, masks), see `mrcnn.data.augmentation`
    Returns a dict: image (H, W, 3) uint8 on the canvas; window (4,) yxyx; gt_class_ids (N,) int32; gt_boxes (N, 4) float32 yxyx;
    gt_masks (N, *MINI_MASK_SHAPE) uint8, each filling its row of gt_mask_frames (N, 4); and every column of
    `dataset.load_instance_fields`. Objects that augmentation pushed out of the picture are dropped with all their columns. Crowds keep
    their negative class ids. Raises RuntimeError naming the image if anything about it fails.
    """
    image, masks, class_ids, fields, placement = load_on_canvas(dataset, image_id, config, augmenter, rng)
    boxes = boxes_of_masks(masks)
    keep = np.flatnonzero((boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE).all(axis=1) & (class_ids != 0))
    if len(keep) > config.MAX_GT_INSTANCES:
        areas = masks.sum(axis=(0, 1))[keep]
        keep = np.sort(keep[np.argsort(-areas, kind="stable")[:config.MAX_GT_INSTANCES]])
    masks, boxes = masks[:, :, keep], boxes[keep]
    if config.USE_MINI_MASK:
        small, frames = minimise(masks, boxes, tuple(config.MINI_MASK_SHAPE)), boxes
    else:
        small, frames = masks.transpose(2, 0, 1).astype(np.uint8), np.tile(np.float32([0, 0, *placement.canvas_hw]), (len(keep), 1))
    return {"image": image, "window": placement.window, "gt_class_ids": class_ids[keep], "gt_boxes": boxes,
            "gt_masks": small, "gt_mask_frames": frames, **{name: column[keep] for name, column in fields.items()}}


def load_on_canvas(dataset, image_id, config, augmenter=None, rng=None):
    """An image and all its objects, laid on the canvas and augmented, but not yet boxed.

    Returns: image (H, W, 3) uint8; masks (H, W, N) bool; class_ids (N,) int32; fields {name: (N, ...)}; the photo's Placement.
    Raises RuntimeError naming the image if anything about it fails.
    """
    try:
        photo = as_photo(dataset.load_image(image_id), config.IMAGE_CHANNEL_COUNT, "What load_image returned")
        masks, class_ids, fields = dataset.load_objects(image_id)
        if not len(class_ids) and not np.size(masks):       # "no objects" has been written in many ways
            masks = np.zeros((*photo.shape[:2], 0), bool)
        _check(photo, masks, class_ids, fields, config.NUM_CLASSES)
        placement = place_for(config, photo.shape[:2], rng)
        image, masks = placement.image(photo, resampling_for(config.ROI_ALIGN)), place_masks(placement, masks)
        if augmenter is not None:
            image, masks = augmenter(image, masks, rng)
    except Exception as error:
        raise RuntimeError(f"Image {dataset.image_info[image_id].get('path') or image_id!r} could not be prepared for training: "
                           f"{error}") from error
    return image, masks, np.asarray(class_ids, np.int32), fields, placement


def place_masks(placement, masks):
    """(h, w, N) masks of the photo -> (H, W, N) bool masks of the canvas."""
    placed = [placement.mask(masks[:, :, i]) for i in range(masks.shape[2])]
    return np.stack(placed, axis=2) if placed else np.zeros((*placement.canvas_hw, 0), bool)


def _check(photo, masks, class_ids, fields, num_classes):
    if masks.ndim != 3 or masks.shape[:2] != photo.shape[:2]:
        raise ValueError(f"load_mask must return masks of (height, width, N) in the photo's size {photo.shape[:2]}. "
                         f"Got {masks.shape}.")
    for name, column in {"class_ids": class_ids, **fields}.items():
        if len(column) != masks.shape[2]:
            raise ValueError(f"There are {masks.shape[2]} masks but {len(column)} rows of {name}; they must be as many.")
    highest = max((abs(int(i)) for i in class_ids), default=0)
    if highest >= num_classes:
        raise ValueError(f"load_mask returned class id {highest}, but NUM_CLASSES is {num_classes}, the background included: ids go up to "
                         f"{num_classes - 1}.")
