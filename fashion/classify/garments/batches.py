"""Batches of crops: of objects, and of detections that lie on none.

A batch is a function of (seed, position).
"""

from collections.abc import Callable

import numpy as np
from pycocotools import mask as coco_mask

from fashion.classify.garments.crops import SURROUNDINGS, cut_crops
from mrcnn.data.dataset import Dataset
from mrcnn.data.loading.prefetch import PrefetchDataset
from mrcnn.data.loading.samplers import RepeatSampler, sampled_index
from mrcnn.data.resize import normalise
from mrcnn.typing import Array

MATCHED = 0.5  # IoU from which on a box shows an object
APART = 0.4  # IoU below which it shows none; in between the box is undecided
MARGIN = 0.1  # by which the IoU with an object must exceed that with objects of other classes

JITTER = 0.08  # an edge of a box moves by at most this share of the box's side
BRIGHTNESS = 0.2  # pixels become brighter or darker by at most this share


class CropBatches(PrefetchDataset):
    """Batches of fixed shape: crops `(images * crops, S, S, 3)` float32, normalised, and labels.

    Labels are `(images * crops,)` int32; 0 means no garment.

    Args:
        dataset: Prepared data set whose masks are run lengths.
        detections: Internal image id -> `(F, 4)` boxes that a detector found, yxyx, in pixels of
            the original image.
        size: Side of a crop, S.
        pixels: Mean and standard deviation of the network's input, RGB.
        images: Images of a batch.
        crops: Crops of each image, half of them of garments.
        seed: Chooses images, boxes and augmentation.
        workers: Threads that prepare batches, see `PrefetchDataset`.
    """

    def __init__(
        self,
        dataset: Dataset,
        detections: Callable[[int], Array],
        size: int,
        pixels: tuple,
        *,
        images: int = 8,
        crops: int = 8,
        seed: int = 0,
        workers: int = 1,
    ) -> None:
        super().__init__(workers)
        self.dataset, self.detections, self.size, self.pixels = dataset, detections, size, pixels
        self.images, self.crops, self.seed = images, crops, seed
        self.sampler = RepeatSampler(np.ones(len(dataset.image_ids)), seed)

    def __len__(self) -> int:
        return -(-len(self.dataset.image_ids) // self.images)

    def make(self, epoch: int, index: int) -> tuple[Array, Array]:
        """Makes one batch.

        Args:
            epoch: Epoch from 0.
            index: Batch of the epoch.

        Returns:
            crops: `(images * crops, S, S, 3)` float32, normalised.
            labels: `(images * crops,)` int32.
        """
        start = (epoch * len(self) + index) * self.images
        parts = [self._of_image(position) for position in range(start, start + self.images)]
        crops, labels = (np.concatenate(column) for column in zip(*parts))
        return normalise(crops, *self.pixels), labels

    def _of_image(self, position):
        image_id = sampled_index(self.sampler, self.sampler.length, position)
        rng = np.random.default_rng([self.seed, position])
        masks, class_ids, _ = self.dataset.load_objects(image_id)
        boxes, labels = candidates(self.detections(image_id), masks.boxes, class_ids)
        if not len(boxes):  # no object and no detection: the whole image is background
            boxes, labels = np.array([[0.0, 0.0, *masks.image_hw]]), np.zeros(1, np.int64)
        rows = rng.choice(len(boxes), self.crops, p=_half_garments(labels))
        image, boxes = read(self.dataset, image_id, boxes[rows], self.size)
        crops = cut_crops(image, _jittered(boxes, rng), self.size)
        mirrored = rng.random(self.crops) < 0.5
        crops[mirrored] = crops[mirrored, :, ::-1]
        bright = rng.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS, (self.crops, 1, 1, 1))
        return np.clip(crops * bright, 0, 255).astype(np.uint8), labels[rows].astype(np.int32)


def read(dataset: Dataset, image_id: int, boxes: Array, size: int) -> tuple[Array, Array]:
    """Reads an image, reduced where it is larger than the crops need.

    No crop is enlarged that would not be from the original, so crops are as sharp as those of
    detections.

    Args:
        dataset: Prepared data set.
        image_id: Internal image id.
        boxes: `(N, 4)` yxyx, pixels of the original image.
        size: Side of a crop in pixels.

    Returns:
        image: `(h, w, 3)` uint8.
        boxes: `(N, 4)` yxyx, pixels of `image`.
    """
    original_hw = np.array(dataset.image_hw(image_id))
    sides = SURROUNDINGS * (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    scale = min(1.0, size / max(1.0, sides.min(initial=np.inf)))
    image = dataset.load_image_at_least(
        image_id, tuple(np.ceil(original_hw * scale).astype(int).tolist())
    )
    return image, boxes * np.tile(image.shape[:2] / original_hw, 2)


def candidates(detections: Array, boxes: Array, class_ids: Array) -> tuple[Array, Array]:
    """Lists the boxes of an image that a classifier is trained on.

    Detections that lie on nothing are hard examples of the background.

    Args:
        detections: `(F, 4)` yxyx, boxes that a detector found.
        boxes: `(M, 4)` yxyx, ground truth.
        class_ids: `(M,)` int, negative for crowds.

    Returns:
        boxes: `(C, 4)` float64 yxyx: objects, and detections that are decided.
        labels: `(C,)` int64, classes; 0 for none.
    """
    detections, boxes = (
        np.asarray(some, np.float64).reshape(-1, 4) for some in (detections, boxes)
    )
    class_ids = np.asarray(class_ids, np.int64)
    labels = labels_of_boxes(detections, boxes, class_ids)
    is_object, is_decided = (class_ids > 0) & (boxes[:, 2] > boxes[:, 0]), labels >= 0
    return (
        np.concatenate([boxes[is_object], detections[is_decided]]),
        np.concatenate([class_ids[is_object], labels[is_decided]]),
    )


def labels_of_boxes(
    detections: Array, boxes: Array, class_ids: Array, predicted: Array | None = None
) -> Array:
    """Finds the class of the object that each detection shows.

    Args:
        detections: `(F, 4)` yxyx, boxes that a detector found.
        boxes: `(M, 4)` yxyx, ground truth.
        class_ids: `(M,)` int, negative for crowds. A detection in a crowd is undecided.
        predicted: `(F,)` int, classes of the detections. A box that two objects share, such as a
            jacket and the shirt below, shows the one of its predicted class. Without `predicted`
            it is undecided if the two overlap it almost equally.

    Returns:
        `(F,)` int64: the class of the object with the highest IoU, 0 for none, -1 if undecided.
    """
    if not len(detections) or not len(boxes):
        return np.zeros(len(detections), np.int64)
    class_ids = np.asarray(class_ids, np.int64)
    iou = coco_mask.iou(_xywh(detections), _xywh(boxes), (class_ids < 0).tolist())
    best, highest = class_ids[iou.argmax(axis=1)], iou.max(axis=1)
    if predicted is None:
        others = np.where(class_ids == best[:, None], 0, iou).max(axis=1)
        best = np.where((others >= MATCHED) & (highest - others < MARGIN), -1, best)
    else:
        own = np.where(class_ids == np.asarray(predicted)[:, None], iou, 0).max(axis=1)
        best = np.where(own >= MATCHED, predicted, best)
    return np.where(highest >= MATCHED, np.maximum(best, -1), np.where(highest < APART, 0, -1))


def _xywh(boxes):
    y1, x1, y2, x2 = np.asarray(boxes, np.float64).T
    # A new array in C order: pycocotools reads the memory row by row, whatever the strides.
    return np.stack([x1, y1, x2 - x1, y2 - y1], axis=1, out=np.empty((len(x1), 4)))


def _half_garments(labels):
    """(C,) probabilities: half for garments and half for background, where both occur."""
    garments = labels > 0
    share = 1 / (1 + (0 < garments.sum() < len(labels)))
    return share / np.where(garments, max(1, garments.sum()), max(1, (~garments).sum()))


def _jittered(boxes, rng):
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes + rng.uniform(-JITTER, JITTER, boxes.shape) * np.tile(sides, 2)
