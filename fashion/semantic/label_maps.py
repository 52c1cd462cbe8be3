"""Label maps: a photo on a square canvas and one label for each of its pixels.

Painting: a pixel's label is the category of the smallest object that covers it, measured in the photo, so the larger ones are painted
first and a pocket stays visible on its coat; of equal ones the later one of the list is painted last. What no object covers is
background, 0. That is the rule of `fashion.evaluation.metrics.pixels` as well.

The photo keeps its proportions and fills the canvas one way; the border beside it is black and IGNORED, by loss and scores alike.
"""

import numpy as np

from fashion.semantic.losses import IGNORED
from mrcnn.data.dataset import as_uint8_image
from mrcnn.data.loading.load_example import masks_on_canvas, naming_image
from mrcnn.data.resize import make_placement

MEMORY = 2**30  # bytes of canvases that are kept


def placement_of(dataset, image_id, size):
    """The `Placement` of a data set's photo on a canvas of size x size."""
    return make_placement(dataset.image_hw(image_id), (size, size), "portrait")


def labelled_photo(dataset, image_id, size):
    """(size, size, 3) uint8 RGB and (size, size) uint8 labels. Raises RuntimeError naming the image if anything about it fails."""
    with naming_image(dataset, image_id):
        placement = placement_of(dataset, image_id, size)
        photo = as_uint8_image(dataset.load_image_at_least(image_id, placement.size_hw))
        masks, class_ids, _ = dataset.load_objects(image_id)
        return placement.image(photo), paint(
            *masks_on_canvas(placement, masks), class_ids, placement.window
        )


def paint(masks, areas, class_ids, window):
    """Masks of a canvas, painted over one another; see the head of this file. (H, W) uint8.

    masks: CroppedMasks; areas: (N,), pixels in the photo; class_ids: (N,), 1..254; window: (4,) yxyx, the canvas' part that is photo
    """
    labels = np.full(masks.canvas_hw, IGNORED, np.uint8)
    y1, x1, y2, x2 = np.asarray(window, int)
    labels[y1:y2, x1:x2] = 0
    places = masks.places
    for i in np.argsort(-areas, kind="stable"):
        labels[places[i]][masks.windows[i]] = class_ids[i]
    return labels


class LabelledPhotos:
    """The canvases of a data set, made when they are first asked for and kept as long as there is room.

    dataset: with `image_hw`, of at most 254 classes; size: pixels, the canvas' side; memory: bytes. Raises ValueError for more classes.
    """

    def __init__(self, dataset, size, memory=MEMORY):
        if dataset.num_classes > IGNORED:
            raise ValueError(
                f"A label map holds {IGNORED - 1} categories at most. The data set has {dataset.num_classes - 1}."
            )
        self.dataset, self.size, self.num_classes = dataset, size, dataset.num_classes
        self._kept, self._room = {}, memory // (4 * size**2)

    def __len__(self):
        return len(self.dataset.image_ids)

    def __getitem__(self, index):
        """What `labelled_photo` returns for the photo at this index."""
        if index not in self._kept:
            pair = labelled_photo(self.dataset, int(self.dataset.image_ids[index]), self.size)
            if len(self._kept) >= self._room:
                return pair
            self._kept[index] = pair
        return self._kept[index]

    def frequencies(self):
        """(K,) pixels of each class, and (K,) pixels of all photos in which it occurs; int64."""
        pixels, photo_pixels = np.zeros((2, self.num_classes), np.int64)
        for index in range(len(self)):
            labels = self[index][1]
            here = np.bincount(labels[labels != IGNORED], minlength=self.num_classes)
            pixels += here
            photo_pixels += np.where(here > 0, here.sum(), 0)
        return pixels, photo_pixels
