"""CropBatches: crops of garments and of what was taken for one, a batch being a function of (seed, position) alone."""

import numpy as np

from fashion.classify.garments.candidates import candidates
from fashion.classify.garments.crops import SURROUNDINGS, cut_crops
from mrcnn.data.loading.prefetch import PrefetchDataset
from mrcnn.data.loading.samplers import RepeatSampler, sampled_index
from mrcnn.data.resize import normalise

MOVED = 0.08  # an edge of a box moves by at most this share of the box's side
BRIGHTNESS = 0.2  # pixels become brighter or darker by at most this share


class CropBatches(PrefetchDataset):
    """Batches of fixed shape: crops (photos * crops, S, S, 3) float32, normalised, and labels (photos * crops,) int32, 0: no garment.

    dataset: a prepared `Dataset` whose `load_objects` returns `RLEMasks`; found: callable image id -> (F, 4) yxyx, what a detector found,
    pixels of the photo; size: S; pixels: (mean, std), RGB; photos: of a batch; crops: of each, half of them of garments
    workers: threads that make them, see `PrefetchDataset`
    """

    def __init__(self, dataset, found, size, pixels, *, photos=8, crops=8, seed=0, workers=1):
        super().__init__(workers)
        self.dataset, self.found, self.size, self.pixels = dataset, found, size, pixels
        self.photos, self.crops, self.seed = photos, crops, seed
        self.sampler = RepeatSampler(np.ones(len(dataset.image_ids)), seed)

    def __len__(self):
        return -(-len(self.dataset.image_ids) // self.photos)

    def make(self, epoch, index):
        start = (epoch * len(self) + index) * self.photos
        parts = [self._of_photo(position) for position in range(start, start + self.photos)]
        crops, labels = (np.concatenate(column) for column in zip(*parts))
        return normalise(crops, *self.pixels), labels

    def _of_photo(self, position):
        image_id = sampled_index(self.sampler, self.sampler.length, position)
        rng = np.random.default_rng([self.seed, position])
        runs, class_ids, _ = self.dataset.load_objects(image_id)
        boxes, labels = candidates(self.found(image_id), runs.boxes, class_ids)
        if not len(
            boxes
        ):  # the photo shows no garment, and none was found: then all of it is background
            boxes, labels = np.array([[0.0, 0.0, *runs.image_hw]]), np.zeros(1, np.int64)
        rows = rng.choice(len(boxes), self.crops, p=_half_garments(labels))
        photo, boxes = read(self.dataset, image_id, boxes[rows], self.size)
        crops = cut_crops(photo, _moved(boxes, rng), self.size)
        mirrored = rng.random(self.crops) < 0.5
        crops[mirrored] = crops[mirrored, :, ::-1]
        bright = rng.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS, (self.crops, 1, 1, 1))
        return np.clip(crops * bright, 0, 255).astype(np.uint8), labels[rows].astype(np.int32)


def read(dataset, image_id, boxes, size):
    """A photo, reduced where it is larger than crops of `size` pixels need it; and boxes (N, 4) of the whole photo, moved to it.

    No crop is enlarged that would not be from the whole photo, so crops are as sharp as those of a detection.
    """
    photo_hw = np.array(dataset.image_hw(image_id))
    sides = SURROUNDINGS * (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    scale = min(1.0, size / max(1.0, sides.min(initial=np.inf)))
    photo = dataset.load_image_at_least(
        image_id, tuple(np.ceil(photo_hw * scale).astype(int).tolist())
    )
    return photo, boxes * np.tile(photo.shape[:2] / photo_hw, 2)


def _half_garments(labels):
    """(C,) chances: garments and background half each, where there are both."""
    garments = labels > 0
    share = 1 / (1 + (0 < garments.sum() < len(labels)))
    return share / np.where(garments, max(1, garments.sum()), max(1, (~garments).sum()))


def _moved(boxes, rng):
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes + rng.uniform(-MOVED, MOVED, boxes.shape) * np.tile(sides, 2)
