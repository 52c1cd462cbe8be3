"""LabelBatches: pictures and label maps, a batch being a function of (seed, position) alone."""

import numpy as np

from fashion.semantic.losses import IGNORED
from mrcnn.data.loading.prefetch import PrefetchDataset
from mrcnn.data.loading.samplers import RepeatSampler, sampled_index
from mrcnn.data.resize import normalise


class LabelBatches(PrefetchDataset):
    """Batches of fixed shape: images (B, S, S, 3) float32, normalised, and labels (B, S, S) uint8.

    photos: a `LabelledPhotos`; pixels: (mean, std), RGB; seed: shuffles the photos and turns half of them left to right. None: in the data
    set's order, not turned; what a last batch lacks is filled with IGNORED labels, so that each photo counts once.

    workers: threads that make them, see `PrefetchDataset`. Positions run on from epoch to epoch, so a resumed run sees the batches that the
    broken one would have seen.
    """

    def __init__(self, photos, batch_size, pixels, *, seed=None, workers=1):
        super().__init__(workers)
        if not len(photos):
            raise ValueError("The data set holds no photos. Check the folder and the CSV.")
        self.photos, self.batch_size, self.seed = photos, batch_size, seed
        self.mean, self.std = (np.array(values, np.float32) for values in pixels)
        self.sampler = None if seed is None else RepeatSampler(np.ones(len(photos)), seed)

    def __len__(self):
        return -(-len(self.photos) // self.batch_size)

    def make(self, epoch, index):
        start = (epoch * len(self) if self.sampler else 0) + index
        size = self.photos.size
        images = np.zeros((self.batch_size, size, size, 3), np.uint8)
        labels = np.full((self.batch_size, size, size), IGNORED, np.uint8)
        for row, position in enumerate(
            range(start * self.batch_size, (start + 1) * self.batch_size)
        ):
            if self.sampler or position < len(self.photos):
                images[row], labels[row] = self._example(position)
        return normalise(images, self.mean, self.std), labels

    def _example(self, position):
        image, labels = self.photos[sampled_index(self.sampler, len(self.photos), position)]
        if self.sampler and np.random.default_rng([self.seed, position]).random() < 0.5:
            return image[:, ::-1], labels[:, ::-1]
        return image, labels
