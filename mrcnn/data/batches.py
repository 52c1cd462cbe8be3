"""TrainingBatches: padded batches of fixed shape, each a function of (seed, position) alone."""

import threading

import numpy as np

from mrcnn.data.augmentation.pipeline import augmenter_of
from mrcnn.data.loading.batch_loader import BatchLoader, ExampleSpec, ProcessBatchLoader, check_size
from mrcnn.data.loading.prefetch import PrefetchDataset
from mrcnn.data.loading.samplers import RepeatSampler, sampled_index
from mrcnn.data.resize import normalise


class TrainingBatches(PrefetchDataset):
    """Batches for `fit` and `evaluate`: dicts of arrays, what `Detector` calls its inputs.

    sampler: a `RepeatSampler`; None visits the images in order and never varies them, as validation wants it. augmenter: see
    `mrcnn.data.augmentation`. unaugmented_sources: names of sources whose images are left as they are. steps: batches an epoch; None covers
    one round of the sampler. class_weights: (K,), how likely objects of a class are copied, see `mrcnn.data.augmentation.copy_paste`.
    workers: threads that load, see `PrefetchDataset`; processes: load in so many processes instead (0: none), each batch in one.

    Positions run on from epoch to epoch, so few steps an epoch still visit every image, and a resumed run goes on with the batches that the
    broken one would have seen, whatever `workers` and `processes` are.

    Asking for a batch raises ValueError naming the first image that is not of the size of the others, and RuntimeError naming one that
    cannot be read.
    """

    def __init__(
        self,
        dataset,
        config,
        *,
        augmenter=None,
        unaugmented_sources=(),
        sampler=None,
        steps=None,
        class_weights=None,
        workers=1,
        processes=0,
    ):
        # Threads that wait for processes do no work of their own, and one more keeps those busy.
        super().__init__(*(processes + 1, 3) if processes else (workers, 4))
        if not len(dataset.image_ids):
            raise ValueError(
                "The data set holds no images. Check the folder and the CSV, and that prepare() was called."
            )
        self.dataset, self.config, self.sampler = dataset, config, sampler
        self.unaugmented_sources = set(unaugmented_sources or ())
        self.batch_size = config.BATCH_SIZE
        round_length = sampler.length if sampler else len(dataset.image_ids)
        self.steps = max(1, int(steps)) if steps else -(-round_length // self.batch_size)
        examples = BatchLoader(dataset, config, augmenter_of(augmenter), class_weights)
        self._examples = ProcessBatchLoader(examples, processes) if processes else examples
        self._drawing = threading.Lock()
        self._first_hw = None  # the canvas of the first batch

    def __len__(self):
        return self.steps

    def jobs(self, positions):
        """What the examples at these positions, (n,) int, are made from: a list of `ExampleSpec`."""
        with self._drawing:  # the sampler keeps its last draw
            return [self._job(int(position)) for position in positions]

    def read(self, jobs):
        """The batch of these `ExampleSpec`s with its images as pixels, (B, H, W, 3) uint8."""
        return self._examples.batch(jobs)

    def close(self):
        super().close()
        if isinstance(self._examples, ProcessBatchLoader):
            self._examples.close()

    def on_reopen(self):
        if isinstance(self._examples, ProcessBatchLoader):
            self._examples.open()

    def make(self, epoch, index):
        start = (epoch * self.steps if self.sampler else 0) + index
        positions = start * self.batch_size + np.arange(self.batch_size)
        jobs = self.jobs(positions)
        batch = self.read(jobs)
        self._first_hw = self._first_hw or batch["images"].shape[1:3]
        check_size(batch["images"].shape[1:3], self._first_hw, self, jobs[0])
        batch["images"] = normalise(batch["images"], self.config.MEAN_PIXEL, self.config.PIXEL_STD)
        batch["seed"] = ((self.config.SEED * 1_000_003 + positions) % (2**31 - 1)).astype(np.int32)
        if (
            len(self.dataset.source_class_ids) > 2
        ):  # the background's source is one, and a single other one labels all classes
            batch["active_class_ids"] = np.stack(
                [self.dataset.active_class_ids(job.image_id) for job in jobs]
            )
        return batch

    def _job(self, position):
        image_id = self._image_id(
            sampled_index(self.sampler, len(self.dataset.image_ids), position)
        )
        if (
            self.sampler is None
            or self.dataset.image_info[image_id].get("source") in self.unaugmented_sources
        ):
            return ExampleSpec(position, image_id)
        partner = self._partner(position)
        source = self.dataset.image_info[image_id].get("source")
        if (
            partner == image_id
            or partner is not None
            and self.dataset.image_info[partner].get("source") != source
        ):
            partner = None  # another source's objects may be of classes that nobody looked for in this image
        return ExampleSpec(position, image_id, partner, varied=True)

    def _partner(self, position):
        """The image whose objects are pasted into the one at this position, drawn as often as the sampler draws it; or None."""
        if not self.config.COPY_PASTE:
            return None
        rng = np.random.default_rng([self.config.SEED, position, 1])
        if rng.random() >= self.config.COPY_PASTE:
            return None
        edges = np.cumsum(self.sampler.repeats)
        return self._image_id(np.searchsorted(edges, rng.random() * edges[-1], side="right"))

    def _image_id(self, index):
        return int(self.dataset.image_ids[index])


def training_batches(
    dataset,
    config,
    *,
    augmenter=None,
    unaugmented_sources=(),
    repeats=None,
    class_weights=None,
    workers=1,
    processes=0,
):
    """Shuffled batches for training; repeats: (n,) repeat factors of the images, None for a plain shuffle."""
    repeats = np.ones(len(dataset.image_ids)) if repeats is None else repeats
    return TrainingBatches(
        dataset,
        config,
        augmenter=augmenter,
        unaugmented_sources=unaugmented_sources,
        sampler=RepeatSampler(repeats, config.SEED),
        steps=config.STEPS_PER_EPOCH,
        class_weights=class_weights,
        workers=workers,
        processes=processes,
    )


def validation_batches(dataset, config, workers=1, processes=0):
    """Batches in the data set's order, never varied, the same in every epoch; a last partial batch is filled from the start."""
    steps = -(-len(dataset.image_ids) // config.BATCH_SIZE)
    if config.VALIDATION_STEPS:
        steps = min(steps, int(config.VALIDATION_STEPS))
    return TrainingBatches(dataset, config, steps=steps, workers=workers, processes=processes)
