"""Loads the arrays of a batch, in this thread or in worker processes.

Free of Keras, which takes seconds to import: worker processes start with this module.
"""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.augmentation.pipeline import Augmenter
from mrcnn.data.dataset import Dataset
from mrcnn.data.loading.load_example import Augmentation, load_example
from mrcnn.data.loading.worker_processes import BrokenProcessPool, WorkerProcesses
from mrcnn.typing import Array, Size


@dataclasses.dataclass(frozen=True)
class ExampleSpec:
    """Identifies one training example; together with the data set it determines the result.

    Args:
        position: Index in the sequence of all examples; seeds the random generator.
        image_id: Of the image.
        partner: Id of the image whose objects are pasted, see `Augmentation`.
        augmented: Whether the image is augmented at all.
    """

    position: int
    image_id: int
    partner: int | None = None
    augmented: bool = False


class BatchLoader:
    """Loads and pads the examples of a batch.

    Args:
        dataset: A prepared data set.
        config: Settings of sizes and the seed.
        augmenter: See `mrcnn.data.augmentation`.
        class_weights: See `mrcnn.data.augmentation.copy_paste.choose_objects`.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        augmenter: Augmenter | None = None,
        class_weights: Array | None = None,
    ) -> None:
        self.dataset = dataset
        self.config = config
        self.augmenter = augmenter
        self.class_weights = class_weights

    def __getstate__(self):
        # A config's class may be made on the fly, and its backbone may be a function. Neither can
        # be pickled, and no example needs them.
        return vars(self) | {"config": self.config.to_dict()}

    def __setstate__(self, state):
        vars(self).update(state | {"config": Config.from_dict(state["config"])})

    def batch(self, specs: Sequence[ExampleSpec]) -> dict[str, Array]:
        """Loads a batch.

        Args:
            specs: B examples.

        Returns:
            images: `(B, H, W, 3)` uint8.
            windows: `(B, 4)` float32 yxyx.
            And every column `gt_*` of `load_example`, `(B, MAX_GT_INSTANCES, ...)`, zeros below the
            N rows of each image.

        Raises:
            RuntimeError: Names an image that cannot be loaded.
            ValueError: Names an image of another size than the first.
        """
        examples = [self._example(spec) for spec in specs]
        first_hw = examples[0]["image"].shape[:2]
        for spec, example in zip(specs, examples, strict=True):
            check_size(example["image"].shape[:2], first_hw, self, spec)
        batch = {
            "images": np.stack([example["image"] for example in examples]),
            "windows": np.stack([example["window"] for example in examples]),
        }
        for name in examples[0]:
            if name.startswith("gt_"):
                rows = [example[name] for example in examples]
                batch[name] = _pad(rows, self.config.MAX_GT_INSTANCES)
        return batch

    def _example(self, spec: ExampleSpec) -> dict[str, Array]:
        rng = np.random.default_rng([self.config.SEED, spec.position])
        augmentation = None
        if spec.augmented:
            augmentation = Augmentation(self.augmenter, spec.partner, self.class_weights)
        return load_example(self.dataset, spec.image_id, self.config, augmentation, rng)


class ProcessBatchLoader:
    """Loads batches as `BatchLoader` does, each in a worker process.

    Args:
        loader: Is pickled and sent to every process.
        count: Number of processes.

    Raises:
        ValueError: If the data set or the augmenter cannot be pickled.
    """

    def __init__(self, loader: BatchLoader, count: int) -> None:
        try:
            self._processes = WorkerProcesses(loader.batch, count)
        except Exception as error:
            raise ValueError(
                f"The data set or the augmenter cannot be sent to other processes ({error}). Load "
                "the data in threads instead (workers), or make every part of it picklable: no "
                "lambda, no open file."
            ) from error

    def submit(self, specs: Sequence[ExampleSpec]) -> "Future[dict[str, Array]]":
        """Starts loading a batch.

        Args:
            specs: See `BatchLoader.batch`.

        Returns:
            A Future of the batch.
        """
        return self._processes.submit(specs)

    def batch(self, specs: Sequence[ExampleSpec]) -> dict[str, Array]:
        """Loads a batch in a process and waits for it.

        Args:
            specs: See `BatchLoader.batch`.

        Returns:
            The same as `BatchLoader.batch`.

        Raises:
            RuntimeError: Also if a process is killed or cannot import the data set, and after
                `close`.
            ValueError: See `BatchLoader.batch`.
        """
        try:
            return self.submit(specs).result()
        except BrokenProcessPool as error:
            self._processes.restart()
            raise RuntimeError(
                "A process that loads data has died. Either memory ran out (use fewer processes), "
                "or it could not import what the data set is made of: define the Dataset class in "
                "a module, not in a notebook, and guard the script with if __name__ == "
                '"__main__".'
            ) from error

    def close(self) -> None:
        """Ends the processes; none starts again before `open`."""
        self._processes.close()

    def open(self) -> None:
        """Lets the next batch start processes again."""
        self._processes.open()


def check_size(image_hw: Size, first_hw: Size, source: Any, spec: ExampleSpec) -> None:
    """Checks that all images of a training have one size.

    Args:
        image_hw: Height and width of the canvas of this image.
        first_hw: Height and width of the first canvas.
        source: Has `config` and `dataset`, for the message.
        spec: The example with this image.

    Raises:
        ValueError: Names the image if the sizes differ.
    """
    if tuple(image_hw) == tuple(first_hw):
        return
    mode = source.config.IMAGE_RESIZE_MODE
    name = source.dataset.image_info[spec.image_id].get("path") or spec.image_id
    raise ValueError(
        f"All images of a training must be of one size. Got {image_hw[0]} x {image_hw[1]} (height "
        f"x width) for {name!r} and {first_hw[0]} x {first_hw[1]} before, since IMAGE_RESIZE_MODE "
        f"{mode!r} lets each keep its own. Train with 'square', 'portrait' or 'crop'."
    )


def _pad(rows: Sequence[Array], count: int) -> Array:
    """Stacks `(n_i, ...)` arrays into `(B, count, ...)`, zeros below."""
    out = np.zeros((len(rows), count, *rows[0].shape[1:]), rows[0].dtype)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
