"""TrainingBatches: padded batches of fixed shape, each a function of (seed, position) alone."""
import keras
import numpy as np

from mrcnn.data.ground_truth import load_ground_truth
from mrcnn.data.resize import normalise
from mrcnn.data.samplers import RepeatSampler, drawn_at


class TrainingBatches(keras.utils.PyDataset):
    """Batches for `fit` and `evaluate`: dicts of arrays, what `Detector` calls its inputs.

    sampler: a `RepeatSampler`; None visits the images in order, as validation wants it. unaugmented_sources: names of sources whose
    images are left as they are. steps: batches an epoch; None covers one round of the sampler. Set `epoch` before an epoch begins:
    positions run on from epoch to epoch, so few steps an epoch still visit every image, and a resumed run goes on with the batches
    that the broken one would have seen, whatever `workers` is.
    """

    def __init__(self, dataset, config, *, augmenter=None, unaugmented_sources=(), sampler=None, steps=None, workers=1):
        super().__init__(workers=workers, max_queue_size=4)
        if not len(dataset.image_ids):
            raise ValueError("The data set holds no images. Check the folder and the CSV, and that prepare() was called.")
        self.dataset, self.config, self.augmenter, self.sampler = dataset, config, augmenter, sampler
        self.unaugmented_sources = set(unaugmented_sources or ())
        self.batch_size = config.BATCH_SIZE
        round_length = sampler.length if sampler else len(dataset.image_ids)
        self.steps = max(1, int(steps)) if steps else -(-round_length // self.batch_size)
        self.epoch = 0

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        start = (self.epoch * self.steps if self.sampler else 0) + index
        positions = start * self.batch_size + np.arange(self.batch_size)
        examples = [self._example(int(p)) for p in positions]
        sizes = {e["image"].shape[:2] for e in examples}
        if len(sizes) > 1:
            raise ValueError(f"The images of one batch must be of one size. Got {sorted(sizes)}, since IMAGE_RESIZE_MODE "
                             f"{self.config.IMAGE_RESIZE_MODE!r} lets each keep its own. Train with 'square' or 'crop'.")
        batch = {"images": normalise(np.stack([e["image"] for e in examples]), self.config.MEAN_PIXEL, self.config.PIXEL_STD),
                 "windows": np.stack([e["window"] for e in examples]),
                 "seed": ((self.config.SEED * 1_000_003 + positions) % (2**31 - 1)).astype(np.int32)}
        if len(self.dataset.source_class_ids) > 2:          # the background's source is one, and a single other one labels all classes
            batch["active_class_ids"] = np.stack([self.dataset.active_class_ids(self._image_id(int(p))) for p in positions])
        columns = [name for name in examples[0] if name.startswith("gt_")]
        return batch | {name: _pad([e[name] for e in examples], self.config.MAX_GT_INSTANCES) for name in columns}

    def _example(self, position):
        rng = np.random.default_rng([self.config.SEED, position])
        image_id = self._image_id(position)
        augmenter = None if self.dataset.image_info[image_id].get("source") in self.unaugmented_sources else self.augmenter
        return load_ground_truth(self.dataset, image_id, self.config, augmenter, rng)

    def _image_id(self, position):
        return int(self.dataset.image_ids[drawn_at(self.sampler, len(self.dataset.image_ids), position)])


def training_batches(dataset, config, *, augmenter=None, unaugmented_sources=(), repeats=None, workers=1):
    """Shuffled batches for training; repeats: (n,) repeat factors of the images, None for a plain shuffle."""
    repeats = np.ones(len(dataset.image_ids)) if repeats is None else repeats
    return TrainingBatches(dataset, config, augmenter=augmenter, unaugmented_sources=unaugmented_sources,
                           sampler=RepeatSampler(repeats, config.SEED), steps=config.STEPS_PER_EPOCH, workers=workers)


def validation_batches(dataset, config, workers=1):
    """Batches in the data set's order, never augmented, the same in every epoch; a last partial batch is filled from the start."""
    steps = -(-len(dataset.image_ids) // config.BATCH_SIZE)
    if config.VALIDATION_STEPS:
        steps = min(steps, int(config.VALIDATION_STEPS))
    return TrainingBatches(dataset, config, steps=steps, workers=workers)


def _pad(rows, count):
    """Stack (n_i, ...) arrays into (B, count, ...), zeros below."""
    out = np.zeros((len(rows), count, *rows[0].shape[1:]), rows[0].dtype)
    for i, row in enumerate(rows):
        out[i, :len(row)] = row
    return out
