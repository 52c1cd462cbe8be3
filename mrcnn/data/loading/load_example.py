"""Loads one training example: reads it, moves it to the canvas, augments it, makes mini-masks."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.augmentation.copy_paste import choose_objects, paste_objects
from mrcnn.data.augmentation.pipeline import Augmenter
from mrcnn.data.dataset import Dataset, as_uint8_image
from mrcnn.data.image_io import readable_sizes
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.masks.rle import RLEMasks
from mrcnn.data.placement import Placement
from mrcnn.data.resize import placement_for
from mrcnn.data.sample import Sample
from mrcnn.ops.pixel_convention import CORNERS, convention_of_setting
from mrcnn.typing import Array, Size

# Objects with a shorter side on the canvas are dropped: there is too little to learn from.
MIN_SIDE = 2.0


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How an image is augmented for training. SCALE_JITTER applies to it and to the partner.

    Args:
        augmenter: Changes image and masks, see `mrcnn.data.augmentation`.
        partner: Id of the image whose objects are pasted into this one.
        class_weights: See `mrcnn.data.augmentation.copy_paste.choose_objects`.
    """

    augmenter: Augmenter | None = None
    partner: int | None = None
    class_weights: Array | None = None


def load_example(
    dataset: Dataset,
    image_id: int,
    config: Config,
    augmentation: Augmentation | None = None,
    rng: np.random.Generator | None = None,
) -> dict[str, Array]:
    """Loads one training example, not padded yet.

    Args:
        dataset: A prepared data set.
        image_id: Of the image.
        config: Settings of sizes, mini-masks and the least visible share.
        augmentation: None takes the image as it is.
        rng: The only source of randomness; needed with an augmentation.

    Returns:
        image: `(H, W, 3)` uint8, the canvas.
        window: `(4,)` float32 yxyx, the part of the canvas that shows the image.
        gt_class_ids: `(N,)` int32; negative for crowds.
        gt_boxes: `(N, 4)` float32 yxyx.
        gt_masks: `(N, *MINI_MASK_SHAPE)` uint8, each filling its row of gt_mask_frames.
        gt_mask_frames: `(N, 4)` float32 yxyx.
        And the columns of `dataset.load_instance_fields`. Objects that are not visible, or of which
        less than MIN_VISIBLE_SHARE is, are dropped with all their columns.

    Raises:
        RuntimeError: Names the image if anything about it fails.
        ValueError: For an augmentation without rng.
    """
    jitter = augmentation is not None
    sample, placement = load_sample(dataset, image_id, config, rng, jitter)
    if augmentation is not None:
        if rng is None:
            raise ValueError("An augmentation needs rng, the source of its randomness. Got None.")
        sample = _augmented(sample, dataset, image_id, config, augmentation, rng)
    sample = sample.keep(_rows_to_learn(sample, config))
    masks, frames = _masks_and_frames(sample.masks, placement, config)
    return {
        "image": sample.image,
        "window": placement.window,
        "gt_class_ids": sample.class_ids,
        "gt_boxes": sample.masks.boxes,
        "gt_masks": masks,
        "gt_mask_frames": frames,
        **sample.fields,
    }


def _masks_and_frames(
    masks: CroppedMasks, placement: Placement, config: Config
) -> tuple[Array, Array]:
    """Mini-masks that fill the boxes, or masks that fill the canvas, and what each fills."""
    if config.USE_MINI_MASK:
        height, width = config.MINI_MASK_SHAPE
        return masks.minimise((height, width)), masks.boxes
    canvas = np.array([0, 0, *placement.canvas_hw], np.float32)
    dense = masks.dense().transpose(2, 0, 1).astype(np.uint8)
    return dense, np.tile(canvas, (len(masks), 1))


def load_sample(
    dataset: Dataset,
    image_id: int,
    config: Config,
    rng: np.random.Generator | None = None,
    jitter: bool = False,
) -> tuple[Sample, Placement]:
    """Loads an image and all its objects, and moves them to the canvas.

    Args:
        dataset: A prepared data set.
        image_id: Of the image.
        config: Settings of sizes.
        rng: Source of randomness for crops and jitter.
        jitter: Scale by a random factor of SCALE_JITTER.

    Returns:
        sample: Image and objects on the canvas.
        placement: Where the image lies on the canvas.

    Raises:
        RuntimeError: Names the image if anything about it fails.
    """
    with naming_image(dataset, image_id):
        image, placement = _read_image(dataset, image_id, config, rng, jitter)
        masks, class_ids, fields = dataset.load_objects(image_id)
        if not isinstance(masks, RLEMasks) and not np.size(class_ids) and not np.size(masks):
            # "No objects" comes in many shapes: [], (0,), (H, W), (0, 0, 0) …
            masks = np.zeros((*placement.original_hw, 0), bool)
        _check_masks(placement.original_hw, masks)
        _check_class_ids(class_ids)
        _check_columns(masks, class_ids, fields, config.NUM_CLASSES)
        placed, areas = masks_on_canvas(placement, masks)
        magnification = np.prod(placement.size_hw) / np.prod(placement.original_hw)
        sample = Sample(
            placement.image(image, convention_of_setting(config.ROI_ALIGN).resample),
            placed,
            np.asarray(class_ids, np.int32),
            fields,
            areas * magnification,
        )
        return sample, placement


@contextlib.contextmanager
def naming_image(dataset: Dataset, image_id: int) -> Iterator[None]:
    """Turns every error inside the block into one that names the image.

    Args:
        dataset: The data set.
        image_id: Of the image.

    Yields:
        Nothing.

    Raises:
        RuntimeError: If anything fails inside the block.
    """
    try:
        yield
    except Exception as error:
        name = dataset.image_info[image_id].get("path") or image_id
        raise RuntimeError(f"Image {name!r} could not be prepared for training: {error}") from error


def masks_on_canvas(placement: Placement, masks: Array | RLEMasks) -> tuple[CroppedMasks, Array]:
    """Moves masks of the original image to the canvas.

    Args:
        placement: Where the image lies on the canvas.
        masks: Run lengths, or `(h, w, N)`.

    Returns:
        placed: The masks on the canvas.
        areas: `(N,)` int64, pixels of each mask in the original image.
    """
    if isinstance(masks, RLEMasks):
        return masks.to_canvas(placement), masks.areas
    placed = [placement.mask(masks[:, :, i]) for i in range(masks.shape[2])]
    dense = np.stack(placed, axis=2) if placed else np.zeros((*placement.canvas_hw, 0), bool)
    return CroppedMasks.from_dense(dense), np.count_nonzero(masks, axis=(0, 1))


def _read_image(
    dataset: Dataset,
    image_id: int,
    config: Config,
    rng: np.random.Generator | None,
    jitter: bool,
) -> tuple[Array, Placement]:
    """Reads an image, a large JPEG at a fraction of its size where that is enough."""
    channels, name = config.IMAGE_CHANNEL_COUNT, "What load_image returned"
    original_hw = dataset.image_hw(image_id)
    # Matterport's resampling needs every pixel, not a reduced image.
    if original_hw is None or convention_of_setting(config.ROI_ALIGN) is CORNERS:
        image = as_uint8_image(dataset.load_image(image_id), channels, name)
        return image, placement_for(config, image.shape[:2], rng, jitter)
    placement = placement_for(config, original_hw, rng, jitter)
    image = dataset.load_image_at_least(image_id, placement.size_hw)
    image = as_uint8_image(image, channels, name)
    if image.shape[:2] not in readable_sizes(original_hw):
        raise ValueError(
            f"load_image returned a photo of {image.shape[:2]}, and image_hw says "
            f"{tuple(original_hw)} (height, width). Let image_hw say what load_image returns, or "
            "return None."
        )
    return image, placement


def _augmented(
    sample: Sample,
    dataset: Dataset,
    image_id: int,
    config: Config,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Sample:
    """Pastes the partner's objects, then augments."""
    if augmentation.partner is not None:
        other, _ = load_sample(dataset, augmentation.partner, config, rng, jitter=True)
    with naming_image(dataset, image_id):
        if augmentation.partner is not None:
            rows = choose_objects(other, rng, augmentation.class_weights)
            sample = paste_objects(sample, other, rows)
        if augmentation.augmenter is None:
            return sample
        return augmentation.augmenter.augment(sample, rng)


def _rows_to_learn(sample: Sample, config: Config) -> Array:
    """Returns the indices of the objects to keep, ascending; the largest if there are too many."""
    boxes, areas = sample.masks.boxes, sample.masks.areas
    large = (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE).all(axis=1)
    visible = areas >= config.MIN_VISIBLE_SHARE * sample.full_areas
    keep = np.flatnonzero(large & (sample.class_ids != 0) & visible)
    if len(keep) > config.MAX_GT_INSTANCES:
        keep = np.sort(keep[np.argsort(-areas[keep], kind="stable")[: config.MAX_GT_INSTANCES]])
    return keep


def _check_masks(original_hw: Size, masks: Array | RLEMasks) -> None:
    is_rle = isinstance(masks, RLEMasks)
    if not is_rle and not isinstance(masks, np.ndarray):
        raise ValueError(
            f"load_mask must return masks as one array (height, width, N). Got {type(masks)}; "
            "np.stack(masks, axis=-1) makes one of a list of masks."
        )
    shape: tuple[int, ...] = masks.image_hw if isinstance(masks, RLEMasks) else masks.shape
    if tuple(shape[:2]) != tuple(original_hw) or not is_rle and len(shape) != 3:
        raise ValueError(
            "load_mask must return masks of (height, width, N) in the photo's size "
            f"{tuple(original_hw)}. Got {shape}."
        )
    if isinstance(masks, np.ndarray) and masks.dtype.kind == "f" and np.isnan(masks).any():
        raise ValueError("load_mask returned masks with NaN. A mask is 0 or 1 at every pixel.")


def _check_class_ids(class_ids: Any) -> None:
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


def _check_columns(
    masks: Array | RLEMasks, class_ids: Any, fields: dict[str, Array], num_classes: int
) -> None:
    count = len(masks) if isinstance(masks, RLEMasks) else masks.shape[2]
    for name, column in {"class_ids": class_ids, **fields}.items():
        if len(column) != count:
            raise ValueError(
                f"There are {count} masks but {len(column)} rows of {name}. Expected one row for "
                "each mask."
            )
    # An empty mask of class 0 is accepted: some data sets say "no objects" that way.
    for i in np.flatnonzero(np.asarray(class_ids) == 0):
        if masks.areas[i] if isinstance(masks, RLEMasks) else np.any(masks[:, :, i]):
            raise ValueError(
                f"load_mask returned class id 0 for object {i} (from 0), and 0 is the background: "
                "class ids begin at 1. Add 1 to ids that are numbered from 0, and count the "
                "background in NUM_CLASSES."
            )
    highest = int(np.abs(np.asarray(class_ids, np.int64)).max(initial=0))
    if highest >= num_classes:
        raise ValueError(
            f"load_mask returned class id {highest}, but NUM_CLASSES is {num_classes}, the "
            f"background included: ids go up to {num_classes - 1}."
        )
