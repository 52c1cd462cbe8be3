"""Batches of images: what predictors share, whether a Keras model or an exported file computes.

This module imports without Keras.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.placement import Placement
from mrcnn.inference.preprocessing import postprocess, preprocess
from mrcnn.ops.pixel_convention import PixelConvention
from mrcnn.typing import Array

__all__ = ["BatchPredictor"]


class BatchPredictor:
    """Runs a network on original images, in batches of one shape.

    Subclasses say what the network finds, in `detect_molded`.

    Args:
        config: Says how images are preprocessed, and BATCH_SIZE.
    """

    config: Config

    @property
    def convention(self) -> PixelConvention:
        """The pixel convention of the network."""
        raise NotImplementedError

    def detect_molded(self, images: Array, windows: Array) -> dict[str, Array]:
        """Detects in network inputs.

        Args:
            images: `(b, H, W, 3)` as `_canvas` makes them; b is at most BATCH_SIZE.
            windows: `(b, 4)` yxyx, where the original images lie in them.

        Returns:
            Arrays `(b, n, ...)` in pixels of the input: "boxes", "class_ids", "scores", "valid" and
            the fields of the heads.
        """
        raise NotImplementedError

    def always_compile(self) -> None:
        """Runs no image without a compiled graph from now on. Exported files have theirs."""

    def __call__(self, photos: Iterable[Array]) -> list[dict[str, Any]]:
        """Detects the objects of images.

        Args:
            photos: `(h, w, 3)` uint8 RGB each.

        Returns:
            A result for each image: "rois" `(N, 4)` int32 and "boxes" `(N, 4)` float32, yxyx, in
            its pixels; "class_ids" `(N,)` int32; "scores" `(N,)` float32, best first;
            "mask_probabilities" `(N, *MASK_SHAPE)` float32, each filling its box; "image_hw", its
            size; "convention", see `full_masks`; and the fields of extra heads.
        """
        return list(self.stream(photos))

    def stream(self, photos: Iterable[Array]) -> Iterator[dict[str, Any]]:
        """Detects as `__call__`, one result after the other.

        Args:
            photos: Of any number; never more than one is held at its full size.

        Yields:
            A result for each image.
        """
        for canvases in self._batches(self._canvases(photos)):
            yield from self._results(canvases)

    def _canvas(self, photo: Any, name: str) -> tuple[Array, Placement]:
        """The network input (H, W, 3) of an original image, and its Placement."""
        return preprocess(photo, self.config, self.convention, name=name)

    def _canvases(self, photos):
        """(image (H, W, 3), its Placement) of each original image."""
        return self._each(photos, self._canvas)

    def _each(self, photos, prepare):
        """`prepare(photo, its name)` of each original image."""
        count = 0
        for photo in photos:  # no enumerate: it would hold a photo while the next one is read
            prepared = prepare(photo, f"Photo {count}")
            count += 1
            del photo
            yield prepared
            del prepared

    def _batches(self, items):
        """Lists of at most BATCH_SIZE items (image, ...) whose images have one shape, in order."""
        batch = []
        for item in items:
            # "pad64" and "none" give each image a canvas of its own size.
            if batch and item[0].shape != batch[0][0].shape:
                yield batch
                batch = []
            batch.append(item)
            if len(batch) == self.config.BATCH_SIZE:
                yield batch
                batch = []
        if batch:
            yield batch

    def _results(self, canvases):
        images = np.stack([image for image, _ in canvases])
        windows = np.stack([placement.window for _, placement in canvases])
        found = self.detect_molded(images, windows)
        results = []
        for i, (_, placement) in enumerate(canvases):
            rows = {name: column[i] for name, column in found.items()}
            results.append(postprocess(rows, placement, self.convention))
        return results
