"""Ground truth of one image: loaded, laid on the canvas, augmented, boxed and cut small, but not yet padded."""

import contextlib
import dataclasses

import numpy as np

from mrcnn.data.augmentation.copy_paste import choose_objects, paste
from mrcnn.data.dataset import as_uint8_image
from mrcnn.data.image_io import readable_sizes
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.masks.rle import RLEMasks
from mrcnn.data.resize import placement_for
from mrcnn.data.sample import Sample
from mrcnn.ops.pixel_convention import CORNERS, convention_of_setting

# Below this side length an object on the canvas is a splinter that teaches nothing.
MIN_SIDE = 2.0


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How an image is varied for training. augmenter: see `mrcnn.data.augmentation`; partner: id of the image whose objects are pasted
    into this one, or None; class_weights: see `mrcnn.data.augmentation.copy_paste`. SCALE_JITTER applies to both images."""

    augmenter: object = None
    partner: int | None = None
    class_weights: np.ndarray | None = None


def load_example(dataset, image_id, config, variation=None, rng=None):
    """One training example.

    dataset: a prepared `Dataset`; variation: a `Augmentation`, None takes the image as it is; rng: np.random.Generator, the source of all
    chance
    Returns a dict: image (H, W, 3) uint8 on the canvas; window (4,) yxyx; gt_class_ids (N,) int32; gt_boxes (N, 4) float32 yxyx;
    gt_masks (N, *MINI_MASK_SHAPE) uint8, each filling its row of gt_mask_frames (N, 4); and every column of
    `dataset.load_instance_fields`. Objects of which less than MIN_VISIBLE_SHARE is in the picture, or nothing, are dropped with all
    their columns. Crowds keep their negative class ids. Raises RuntimeError naming the image if anything about it fails.
    """
    scene, placement = load_sample(dataset, image_id, config, rng, vary=variation is not None)
    if variation is not None:
        scene = _varied(scene, dataset, image_id, config, variation, rng)
    scene = scene.keep(_worth_learning(scene, config))
    masks, boxes = scene.masks, scene.masks.boxes
    if config.USE_MINI_MASK:
        small, frames = masks.minimise(tuple(config.MINI_MASK_SHAPE)), boxes
    else:
        small = masks.dense().transpose(2, 0, 1).astype(np.uint8)
        frames = np.tile(np.float32([0, 0, *placement.canvas_hw]), (len(masks), 1))
    return {
        "image": scene.image,
        "window": placement.window,
        "gt_class_ids": scene.class_ids,
        "gt_boxes": boxes,
        "gt_masks": small,
        "gt_mask_frames": frames,
        **scene.fields,
    }


def load_sample(dataset, image_id, config, rng=None, vary=False):
    """An image and all its objects, laid on the canvas: (`Sample`, the photo's `Placement`).

    vary: lay it there by a random factor of SCALE_JITTER. Raises RuntimeError naming the image if anything about it fails.
    """
    with naming_image(dataset, image_id):
        photo_hw = dataset.image_hw(image_id)
        convention = convention_of_setting(config.ROI_ALIGN)
        # Matterport's resampling needs every pixel, not a reduced image.
        if photo_hw is None or convention is CORNERS:
            photo = _photo(dataset.load_image(image_id), config)
            placement = placement_for(config, photo.shape[:2], rng, vary)
        else:
            placement = placement_for(config, photo_hw, rng, vary)
            photo = _photo(dataset.load_image_at_least(image_id, placement.size_hw), config)
            if photo.shape[:2] not in readable_sizes(photo_hw):
                raise ValueError(
                    f"load_image returned a photo of {photo.shape[:2]}, and image_hw says {tuple(photo_hw)} (height, width). "
                    "Let image_hw say what load_image returns, or return None."
                )
        masks, class_ids, fields = dataset.load_objects(image_id)
        if (
            not isinstance(masks, RLEMasks) and not np.size(class_ids) and not np.size(masks)
        ):  # "no objects" has been written in many ways
            masks = np.zeros((*placement.original_hw, 0), bool)
        _check(placement.original_hw, masks, class_ids, fields, config.NUM_CLASSES)
        placed, areas = masks_on_canvas(placement, masks)
        grown = np.prod(placement.size_hw) / np.prod(placement.original_hw)
        return Sample(
            placement.image(photo, convention.resample),
            placed,
            np.asarray(class_ids, np.int32),
            fields,
            areas * grown,
        ), placement


def _varied(scene, dataset, image_id, config, variation, rng):
    """The scene with another's objects pasted into it, then augmented."""
    if variation.partner is not None:
        other, _ = load_sample(dataset, variation.partner, config, rng, vary=True)
    with naming_image(dataset, image_id):
        if variation.partner is not None:
            scene = paste(scene, other, choose_objects(other, rng, variation.class_weights))
        return scene if variation.augmenter is None else variation.augmenter.augment(scene, rng)


@contextlib.contextmanager
def naming_image(dataset, image_id):
    """Whatever goes wrong becomes a RuntimeError that names the image."""
    try:
        yield
    except Exception as error:
        raise RuntimeError(
            f"Image {dataset.image_info[image_id].get('path') or image_id!r} could not be prepared for training: "
            f"{error}"
        ) from error


def masks_on_canvas(placement, masks):
    """Masks of the photo, (h, w, N) or `RLEMasks` -> `CroppedMasks` of the canvas, and how many pixels of the photo each has, (N,) int64."""
    if isinstance(masks, RLEMasks):
        return masks.place(placement), masks.areas
    placed = [placement.mask(masks[:, :, i]) for i in range(masks.shape[2])]
    dense = np.stack(placed, axis=2) if placed else np.zeros((*placement.canvas_hw, 0), bool)
    return CroppedMasks.from_dense(dense), np.count_nonzero(masks, axis=(0, 1))


def _worth_learning(scene, config):
    """Which objects are kept, ascending indices: of too many the largest."""
    boxes, areas = scene.masks.boxes, scene.masks.areas
    wide = (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE).all(axis=1)
    keep = np.flatnonzero(
        wide & (scene.class_ids != 0) & (areas >= config.MIN_VISIBLE_SHARE * scene.whole)
    )
    if len(keep) > config.MAX_GT_INSTANCES:
        keep = np.sort(keep[np.argsort(-areas[keep], kind="stable")[: config.MAX_GT_INSTANCES]])
    return keep


def _photo(image, config):
    return as_uint8_image(image, config.IMAGE_CHANNEL_COUNT, "What load_image returned")


def _check(photo_hw, masks, class_ids, fields, num_classes):
    is_runs = isinstance(masks, RLEMasks)
    if not is_runs and not isinstance(masks, np.ndarray):
        raise ValueError(
            f"load_mask must return masks as one array (height, width, N). Got {type(masks)}; "
            "np.stack(masks, axis=-1) makes one of a list of masks."
        )
    size_hw, count = (
        (masks.image_hw, len(masks))
        if is_runs
        else (masks.shape[:2], masks.shape[2] if masks.ndim == 3 else 0)
    )
    if not is_runs and masks.ndim != 3 or tuple(size_hw) != tuple(photo_hw):
        raise ValueError(
            f"load_mask must return masks of (height, width, N) in the photo's size {tuple(photo_hw)}. "
            f"Got {size_hw if is_runs else masks.shape}."
        )
    if not is_runs and masks.dtype.kind == "f" and np.isnan(masks).any():
        raise ValueError("load_mask returned masks with NaN. A mask is 0 or 1 at every pixel.")
    _check_class_ids(class_ids)
    for name, column in {"class_ids": class_ids, **fields}.items():
        if len(column) != count:
            raise ValueError(
                f"There are {count} masks but {len(column)} rows of {name}; they must be as many."
            )
    background = np.flatnonzero(
        np.asarray(class_ids) == 0
    )  # of an empty mask: a way to write that there are no objects
    for i in background:
        if masks.areas[i] if is_runs else np.any(masks[:, :, i]):
            raise ValueError(
                f"load_mask returned class id 0 for object {i} (from 0), and 0 is the background: class ids begin at 1. Add 1 "
                "to ids that are numbered from 0, and count the background in NUM_CLASSES."
            )
    highest = int(np.abs(np.asarray(class_ids, np.int64)).max(initial=0))
    if highest >= num_classes:
        raise ValueError(
            f"load_mask returned class id {highest}, but NUM_CLASSES is {num_classes}, the background included: ids go up to "
            f"{num_classes - 1}."
        )


def _check_class_ids(class_ids):
    try:
        ids = np.asarray(class_ids, np.float64)
    except (TypeError, ValueError):
        ids = np.full((), np.nan)
    if ids.ndim != 1 or not (np.isfinite(ids) & (ids == np.rint(ids))).all():
        shape = np.shape(class_ids) if isinstance(class_ids, np.ndarray) else ""
        raise ValueError(
            "load_mask must return class ids as whole numbers, an array (N,). "
            f"Got {type(class_ids).__name__} {shape} {str(class_ids)[:60]}."
        )
