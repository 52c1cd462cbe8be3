"""Partners of the detectors in an ensemble: semantic networks, and classifiers of crops.

They detect nothing, but help to describe the fused boxes.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from fashion.classify.garments.rescorer import Rescorer
from fashion.semantic.stored import ProbabilityMaps, StoredNetwork
from mrcnn.data.placement import Placement
from mrcnn.typing import Array, Size

# Samples of the probability map in each direction of a mask's cell.
SAMPLES = 2


class SemanticPartner:
    """A network that labels pixels: its probability of the box's class joins the mask.

    A pixel has one label, that of the smallest object there. So a pocket is not part of the coat,
    which a detector's mask has whole.

    Args:
        network: The network.
        class_ids: `(K,)` int, its label of each class of the ensemble; 0 for none.
        weight: Of its masks.
        xla: Whether to compile with XLA.
    """

    def __init__(
        self, network: StoredNetwork, class_ids: Array, weight: float = 1.0, *, xla: bool = False
    ) -> None:
        self.network, self.class_ids, self.weight = network, class_ids, weight
        self._maps = ProbabilityMaps(network, xla)

    def keep(self, photo: Array) -> tuple[Array, Placement]:
        """Returns the canvas of an image, see `StoredNetwork.canvas`.

        Args:
            photo: `(h, w, 3)` uint8 RGB.

        Returns:
            Canvas and placement.
        """
        return self.network.canvas(photo)

    def masks(
        self, kept: tuple[Array, Placement], boxes: Array, class_ids: Array, mask_hw: Size
    ) -> tuple[Array, Array]:
        """Computes masks of boxes.

        Args:
            kept: Of the image.
            boxes: `(N, 4)` yxyx, pixels of the image.
            class_ids: `(N,)` int, classes of the ensemble.
            mask_hw: Cells of a mask.

        Returns:
            masks: `(N, *mask_hw)` float32.
            known: `(N,)` bool, whether the network knows the class.
        """
        labels = self.class_ids[class_ids]
        known = labels > 0
        masks = np.zeros((len(boxes), *mask_hw), np.float32)
        if known.any():
            canvas, placement = kept
            maps = self._maps(canvas)
            on_canvas = placement.boxes_to_canvas(np.asarray(boxes, np.float32))
            for i in np.flatnonzero(known):
                masks[i] = sampled(maps[..., labels[i]], on_canvas[i], mask_hw)
        return masks, known

    def classes(self, kept: Any, boxes: Array) -> None:
        """Says nothing of classes.

        Args:
            kept: Of the image.
            boxes: `(N, 4)`.
        """


class ClassifierPartner:
    """A classifier of crops: its probabilities join the classes of the boxes.

    Args:
        classifier: The classifier.
        class_ids: `(K,)` int, its class of each class of the ensemble; 0 for none, and for the
            background.
        weight: Of its probabilities, or of its vote.
    """

    def __init__(self, classifier: Rescorer, class_ids: Array, weight: float = 1.0) -> None:
        self.classifier, self.class_ids, self.weight = classifier, class_ids, weight

    def keep(self, photo: Array) -> Array:
        """Returns the image, of which it cuts crops at full size.

        Args:
            photo: `(h, w, 3)` uint8 RGB.

        Returns:
            The same.
        """
        return photo

    def masks(self, kept: Any, boxes: Array, class_ids: Array, mask_hw: Size) -> None:
        """Says nothing of masks.

        Args:
            kept: Of the image.
            boxes: `(N, 4)`.
            class_ids: `(N,)`.
            mask_hw: Cells of a mask.
        """

    def classes(self, kept: Array, boxes: Array) -> Array:
        """Classifies boxes.

        Args:
            kept: The image.
            boxes: `(N, 4)` yxyx, its pixels.

        Returns:
            `(N, K)` float32; 0 for classes that it does not know.
        """
        probabilities = self.classifier.probabilities(kept, boxes)[:, self.class_ids]
        probabilities[:, 1:] *= self.class_ids[1:] > 0
        return probabilities


def classes_by_name(names: Sequence[str], known: Sequence[str]) -> Array:
    """Finds categories in the list of a model.

    Args:
        names: K - 1 names, of classes 1 … of the ensemble.
        known: Names of classes 1 … of the model.

    Returns:
        `(K,)` int: the model's class of each; 0 for one that it lacks, and for the background.
    """
    place = {name.strip().casefold(): 1 + i for i, name in enumerate(known)}
    return np.array([0, *(place.get(name.strip().casefold(), 0) for name in names)], np.int64)


def sampled(values: Array, box: Array, mask_hw: Size) -> Array:
    """Reads a map of pixels in the cells of a mask; the way back of `mrcnn.inference.pasting`.

    Args:
        values: `(H, W)` float32.
        box: `(4,)` yxyx, pixels of the map.
        mask_hw: (h, w) cells that fill the box.

    Returns:
        `(h, w)` float32: each cell is the mean of four bilinear samples, so that a cell larger
        than a pixel misses none of up to two.
    """
    y1, x1, y2, x2 = (float(edge) for edge in box)
    rows, columns = (
        low + (np.arange(SAMPLES * cells) + 0.5) * (high - low) / (SAMPLES * cells) - 0.5
        for low, high, cells in ((y1, y2, mask_hw[0]), (x1, x2, mask_hw[1]))
    )
    at_x, at_y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    read = cv2.remap(
        np.ascontiguousarray(values, np.float32),
        at_x,
        at_y,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return read.reshape(mask_hw[0], SAMPLES, mask_hw[1], SAMPLES).mean(axis=(1, 3))
