"""Label maps: an image on a square canvas, one label for each pixel, and batches of them.

The label of a pixel is the category of the smallest object that covers it, measured in the
original image. So larger objects are painted first, and a pocket stays visible on its coat. Of
equal ones the later in the list is painted last. Uncovered pixels are background, 0.
`fashion.evaluation.metrics.pixels` follows the same rule.

The image keeps its proportions and fills the canvas in one direction. The padding is black and
`IGNORED` by loss and scores.
"""

from typing import Any

import numpy as np

from fashion.semantic.losses import IGNORED
from mrcnn.data.dataset import Dataset, as_uint8_image
from mrcnn.data.loading.load_example import masks_on_canvas, naming_image
from mrcnn.data.loading.prefetch import PrefetchDataset
from mrcnn.data.loading.samplers import RepeatSampler, sampled_index
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.placement import Placement
from mrcnn.data.resize import make_placement, normalise
from mrcnn.typing import Array

MEMORY = 2**30  # bytes of canvases that are kept


def placement_of(dataset: Dataset, image_id: int, size: int) -> Placement:
    """Places an image on a square canvas.

    Args:
        dataset: Data set with `image_hw`.
        image_id: Internal image id.
        size: Side of the canvas in pixels.

    Returns:
        The placement.
    """
    image_hw: Any = dataset.image_hw(image_id)
    return make_placement(image_hw, (size, size), "portrait")


def labelled_image(dataset: Dataset, image_id: int, size: int) -> tuple[Array, Array]:
    """Loads an image and paints its label map.

    Args:
        dataset: Prepared data set with instance masks.
        image_id: Internal image id.
        size: Side of the canvas in pixels.

    Returns:
        canvas: `(size, size, 3)` uint8 RGB.
        labels: `(size, size)` uint8.

    Raises:
        RuntimeError: Something about the image failed; the message names it.
    """
    with naming_image(dataset, image_id):
        placement = placement_of(dataset, image_id, size)
        image = as_uint8_image(dataset.load_image_at_least(image_id, placement.size_hw))
        masks, class_ids, _ = dataset.load_objects(image_id)
        labels = paint(*masks_on_canvas(placement, masks), class_ids, placement.window)
        return placement.image(image), labels


def paint(masks: CroppedMasks, areas: Array, class_ids: Array, window: Array) -> Array:
    """Paints masks over one another, the smallest last.

    Args:
        masks: `CroppedMasks` of N objects on a canvas of `(H, W)`.
        areas: `(N,)`, pixels in the original image.
        class_ids: `(N,)` int, 1 to 254.
        window: `(4,)` yxyx, the part of the canvas that the image covers.

    Returns:
        `(H, W)` uint8 labels, `IGNORED` outside `window`.
    """
    labels = np.full(masks.canvas_hw, IGNORED, np.uint8)
    y1, x1, y2, x2 = np.asarray(window, int)
    labels[y1:y2, x1:x2] = 0
    places = masks.slices
    for i in np.argsort(-areas, kind="stable"):
        labels[places[i]][masks.crops[i]] = class_ids[i]
    return labels


class LabelledImages:
    """The canvases of a data set, made on first use and kept while there is room.

    Args:
        dataset: Prepared data set with instance masks and at most 254 categories.
        size: Side of the canvases in pixels.
        memory: Bytes of canvases that are kept.

    Raises:
        ValueError: The data set has more categories than a label map of uint8 can hold.
    """

    def __init__(self, dataset: Dataset, size: int, memory: int = MEMORY) -> None:
        if dataset.num_classes > IGNORED:
            raise ValueError(
                f"A label map holds {IGNORED - 1} categories at most. "
                f"The data set has {dataset.num_classes - 1}."
            )
        self.dataset, self.size, self.num_classes = dataset, size, dataset.num_classes
        self._cache: dict[int, tuple[Array, Array]] = {}
        self._cache_size = memory // (4 * size**2)  # three bytes of image and one of label

    def __len__(self) -> int:
        return len(self.dataset.image_ids)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        """Returns the result of `labelled_image` for the image at this index."""
        if index not in self._cache:
            pair = labelled_image(self.dataset, int(self.dataset.image_ids[index]), self.size)
            if len(self._cache) >= self._cache_size:
                return pair
            self._cache[index] = pair
        return self._cache[index]

    def frequencies(self) -> tuple[Array, Array]:
        """Counts the pixels of each class.

        Returns:
            pixels: `(K,)` int64, pixels of each class.
            image_pixels: `(K,)` int64, pixels of all images in which the class occurs.
        """
        pixels, image_pixels = np.zeros((2, self.num_classes), np.int64)
        for index in range(len(self)):
            labels = self[index][1]
            here = np.bincount(labels[labels != IGNORED], minlength=self.num_classes)
            pixels += here
            image_pixels += np.where(here > 0, here.sum(), 0)
        return pixels, image_pixels


class LabelBatches(PrefetchDataset):
    """Batches of fixed shape: images `(B, S, S, 3)` float32, normalised, and labels `(B, S, S)`.

    A batch is a function of (seed, position). Positions continue from epoch to epoch, so a resumed
    run sees the batches that the interrupted one would have seen.

    Args:
        images: Canvases of side S.
        batch_size: Images of a batch, B.
        pixels: Mean and standard deviation of the network's input, RGB.
        seed: Shuffles the images and mirrors half of them left to right. None keeps the order of
            the data set and mirrors none; the rest of the last batch is `IGNORED`, so that each
            image counts once.
        workers: Threads that prepare batches, see `PrefetchDataset`.

    Raises:
        ValueError: There are no images.
    """

    def __init__(
        self,
        images: LabelledImages,
        batch_size: int,
        pixels: tuple,
        *,
        seed: int | None = None,
        workers: int = 1,
    ) -> None:
        super().__init__(workers)
        if not len(images):
            raise ValueError("The data set holds no photos. Check the folder and the CSV.")
        self.images, self.batch_size, self.seed = images, batch_size, seed
        self.mean, self.std = (np.array(values, np.float32) for values in pixels)
        self.sampler = None if seed is None else RepeatSampler(np.ones(len(images)), seed)

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def make(self, epoch: int, index: int) -> tuple[Array, Array]:
        """Makes one batch.

        Args:
            epoch: Epoch from 0.
            index: Batch of the epoch.

        Returns:
            images: `(B, S, S, 3)` float32, normalised.
            labels: `(B, S, S)` uint8.
        """
        start = (epoch * len(self) if self.sampler else 0) + index
        size = self.images.size
        images = np.zeros((self.batch_size, size, size, 3), np.uint8)
        labels = np.full((self.batch_size, size, size), IGNORED, np.uint8)
        positions = range(start * self.batch_size, (start + 1) * self.batch_size)
        for row, position in enumerate(positions):
            if self.sampler or position < len(self.images):
                images[row], labels[row] = self._example(position)
        return normalise(images, self.mean, self.std), labels

    def _example(self, position):
        image, labels = self.images[sampled_index(self.sampler, len(self.images), position)]
        if self.sampler and np.random.default_rng([self.seed, position]).random() < 0.5:
            return image[:, ::-1], labels[:, ::-1]
        return image, labels
