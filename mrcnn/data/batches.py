"""TrainingBatches: padded batches of fixed shape, each a function of (seed, position) alone."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.augmentation.cut_outs import BackgroundCrops, CutOuts
from mrcnn.data.augmentation.pipeline import augmenter_of
from mrcnn.data.dataset import Dataset
from mrcnn.data.loading.batch_loader import (
    BatchLoader,
    ExampleSpec,
    ProcessBatchLoader,
    check_size,
)
from mrcnn.data.loading.prefetch import PrefetchDataset
from mrcnn.data.loading.samplers import RepeatSampler, sampled_index
from mrcnn.data.resize import normalise
from mrcnn.typing import Array, Size


class TrainingBatches(PrefetchDataset):
    """Batches for `fit` and `evaluate`: dicts of arrays, the inputs of `Detector`.

    Positions are counted through all epochs. So few steps per epoch still visit every image, and a
    resumed run gets the batches that the interrupted one would have seen, whatever `workers` and
    `processes` are.

    Asking for a batch raises ValueError naming the first image whose size differs, and RuntimeError
    naming one that cannot be loaded.

    Args:
        dataset: A prepared data set.
        config: Settings of batches, sizes and copy-paste.
        augmenter: See `mrcnn.data.augmentation`.
        unaugmented_sources: Names of sources whose images are never augmented.
        sampler: Order of the images. None visits them in order and never augments, as validation
            needs it.
        steps: Batches per epoch; None covers one round of the sampler.
        class_weights: `(K,)`, how likely objects of a class are pasted, see
            `mrcnn.data.augmentation.copy_paste.choose_objects`.
        workers: Threads that load, see `PrefetchDataset`.
        processes: Load in this many processes instead of threads, each batch in one; 0 for none.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        *,
        augmenter: Any = None,
        unaugmented_sources: Iterable[str] | None = (),
        sampler: RepeatSampler | None = None,
        steps: int | None = None,
        class_weights: Array | None = None,
        workers: int = 1,
        processes: int = 0,
    ) -> None:
        # With processes, threads only wait for them; one more thread than processes keeps all busy.
        threads, max_ahead = (processes + 1, 3) if processes else (workers, 4)
        super().__init__(threads, max_ahead)
        if not len(dataset.image_ids):
            raise ValueError(
                "The data set holds no images. Check the folder and the annotations, and that "
                "prepare() was called."
            )
        self.dataset, self.config, self.sampler = dataset, config, sampler
        self.unaugmented_sources = set(unaugmented_sources or ())
        self.batch_size = config.BATCH_SIZE
        round_length = sampler.length if sampler else len(dataset.image_ids)
        self.steps = max(1, int(steps)) if steps else -(-round_length // self.batch_size)
        loader = BatchLoader(dataset, config, augmenter_of(augmenter), class_weights)
        self._loader = ProcessBatchLoader(loader, processes) if processes else loader
        self._sampling = threading.Lock()
        self._first_hw: Size | None = None  # canvas of the first batch

    def __len__(self) -> int:
        return self.steps

    def specs(self, positions: Iterable[int]) -> list[ExampleSpec]:
        """Says which examples stand at some positions.

        Args:
            positions: Counted through all epochs, from 0.

        Returns:
            One entry for each position.
        """
        with self._sampling:  # the sampler keeps its last draw, which is not thread-safe
            return [self._spec(int(position)) for position in positions]

    def load(self, specs: Sequence[ExampleSpec]) -> dict[str, Array]:
        """Loads examples, with their images as pixels.

        Args:
            specs: B examples.

        Returns:
            See `BatchLoader.batch`; images are `(B, H, W, 3)` uint8.
        """
        return self._loader.batch(specs)

    def close(self) -> None:
        """Stops threads and processes, see `PrefetchDataset.close`."""
        super().close()
        if isinstance(self._loader, ProcessBatchLoader):
            self._loader.close()

    def on_reopen(self) -> None:
        """Lets processes start again."""
        if isinstance(self._loader, ProcessBatchLoader):
            self._loader.open()

    def make(self, epoch: int, index: int) -> dict[str, Array]:
        """Makes a batch.

        Args:
            epoch: Number of the epoch, from 0.
            index: Of the batch within the epoch.

        Returns:
            See `BatchLoader.batch`; images are normalised, float32. Further: `seed` `(B,)` int32,
            and `active_class_ids` `(B, K)` int32 if not every class is annotated in every image.
        """
        start = (epoch * self.steps if self.sampler else 0) + index
        positions = start * self.batch_size + np.arange(self.batch_size)
        specs = self.specs(positions)
        batch = self.load(specs)
        canvas_hw = batch["images"].shape[1:3]
        self._first_hw = self._first_hw or canvas_hw
        check_size(canvas_hw, self._first_hw, self, specs[0])
        batch["images"] = normalise(batch["images"], self.config.MEAN_PIXEL, self.config.PIXEL_STD)
        # Seeds of RoI sampling: distinct for all positions below 2**31 - 1, a prime.
        batch["seed"] = ((self.config.SEED * 1_000_003 + positions) % (2**31 - 1)).astype(np.int32)
        if not self.dataset.labels_all_classes:
            batch["active_class_ids"] = np.stack(
                [self.dataset.active_class_ids(spec.image_id) for spec in specs]
            )
        return batch

    def _spec(self, position: int) -> ExampleSpec:
        image_id = self._image_id(
            sampled_index(self.sampler, len(self.dataset.image_ids), position)
        )
        source = self._source(image_id)
        if self.sampler is None or source in self.unaugmented_sources:
            return ExampleSpec(position, image_id)
        partner = self._partner(self.sampler, position)
        # Objects of another source may be of classes that are not annotated in this image.
        if partner == image_id or partner is not None and self._source(partner) != source:
            partner = None
        return ExampleSpec(position, image_id, partner, augmented=True)

    def _partner(self, sampler: RepeatSampler, position: int) -> int | None:
        """Draws the image whose objects are pasted, as often as the sampler draws it; or none."""
        if not self.config.COPY_PASTE:
            return None
        rng = np.random.default_rng([self.config.SEED, position, 1])
        if rng.random() >= self.config.COPY_PASTE:
            return None
        edges = np.cumsum(sampler.repeats)
        return self._image_id(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")))

    def _image_id(self, index: int) -> int:
        return int(self.dataset.image_ids[index])

    def _source(self, image_id: int) -> str | None:
        return self.dataset.image_info[image_id].get("source")


def training_batches(
    dataset: Dataset,
    config: Config,
    *,
    augmenter: Any = None,
    unaugmented_sources: Iterable[str] | None = (),
    repeats: Array | Sequence[float] | None = None,
    class_weights: Array | None = None,
    workers: int = 1,
    processes: int = 0,
) -> TrainingBatches:
    """Makes shuffled batches for training.

    Args:
        dataset: See `TrainingBatches`.
        config: See `TrainingBatches`; STEPS_PER_EPOCH, SEED, CUT_OUTS and BACKGROUND_CROPS count.
        augmenter: See `mrcnn.data.augmentation`.
        unaugmented_sources: See `TrainingBatches`.
        repeats: `(n,)` repeat factors of the images; None for a plain shuffle.
        class_weights: See `TrainingBatches`.
        workers: See `TrainingBatches`.
        processes: See `TrainingBatches`.

    Returns:
        The batches.
    """
    repeats = np.ones(len(dataset.image_ids)) if repeats is None else repeats
    own: list[Any] = [CutOuts(config.CUT_OUTS)] if config.CUT_OUTS else []
    own += [BackgroundCrops(config.BACKGROUND_CROPS)] if config.BACKGROUND_CROPS else []
    return TrainingBatches(
        dataset,
        config,
        augmenter=[*own, augmenter] if own else augmenter,
        unaugmented_sources=unaugmented_sources,
        sampler=RepeatSampler(repeats, config.SEED),
        steps=config.STEPS_PER_EPOCH,
        class_weights=class_weights,
        workers=workers,
        processes=processes,
    )


def validation_batches(
    dataset: Dataset, config: Config, workers: int = 1, processes: int = 0
) -> TrainingBatches:
    """Makes batches for validation: in the data set's order, not augmented, equal in every epoch.

    Args:
        dataset: See `TrainingBatches`.
        config: See `TrainingBatches`; VALIDATION_STEPS limits the batches.
        workers: See `TrainingBatches`.
        processes: See `TrainingBatches`.

    Returns:
        The batches. A last partial one is filled from the start.
    """
    steps = -(-len(dataset.image_ids) // config.BATCH_SIZE)
    if config.VALIDATION_STEPS:
        steps = min(steps, int(config.VALIDATION_STEPS))
    return TrainingBatches(dataset, config, steps=steps, workers=workers, processes=processes)
