"""Examples: batches as they are read, made in this thread or in processes of their own; free of Keras, which takes seconds to import."""

import dataclasses

import numpy as np

from mrcnn.config import Config
from mrcnn.data.loading.load_example import Augmentation, load_example
from mrcnn.data.loading.worker_processes import BrokenProcessPool, Processes


@dataclasses.dataclass(frozen=True)
class ExampleSpec:
    """What an example is: a function of these and the data set alone. position: in the sequence of all examples, which seeds its chance;
    image_id, partner: ids of images, the partner for `Augmentation`; varied: whether it is varied at all."""

    position: int
    image_id: int
    partner: int | None = None
    varied: bool = False


class BatchLoader:
    """dataset: a prepared `Dataset`; config: a `Config`; augmenter: see `mrcnn.data.augmentation`; class_weights: see
    `mrcnn.data.augmentation.copy_paste`"""

    def __init__(self, dataset, config, augmenter=None, class_weights=None):
        self.dataset, self.config, self.augmenter, self.class_weights = (
            dataset,
            config,
            augmenter,
            class_weights,
        )

    def __getstate__(self):
        # A config's class may be made on the fly, and its backbone a function, of which no example knows.
        return vars(self) | {"config": self.config.to_dict()}

    def __setstate__(self, state):
        vars(self).update(state | {"config": Config.from_dict(state["config"])})

    def batch(self, jobs):
        """{name: (B, ...)} of B `ExampleSpec`s: images uint8, windows and the columns of `load_example`, zeros below row N of each.

        Raises RuntimeError naming the image that cannot be read, and ValueError naming one that is of another size than the first.
        """
        examples = [self._example(job) for job in jobs]
        for job, example in zip(jobs, examples, strict=True):
            check_size(example["image"].shape[:2], examples[0]["image"].shape[:2], self, job)
        columns = [name for name in examples[0] if name.startswith("gt_")]
        return {
            "images": np.stack([e["image"] for e in examples]),
            "windows": np.stack([e["window"] for e in examples]),
            **{
                name: _pad([e[name] for e in examples], self.config.MAX_GT_INSTANCES)
                for name in columns
            },
        }

    def _example(self, job):
        rng = np.random.default_rng([self.config.SEED, job.position])
        variation = (
            Augmentation(self.augmenter, job.partner, self.class_weights) if job.varied else None
        )
        return load_example(self.dataset, job.image_id, self.config, variation, rng)


class ProcessBatchLoader:
    """The same `batch`, each made in one of `count` processes. Raises ValueError if the data set cannot be sent to them."""

    def __init__(self, examples, count):
        try:
            self._processes = Processes(examples.batch, count)
        except Exception as error:
            raise ValueError(
                f"The data set or the augmenter cannot be sent to other processes ({error}). Load the data in threads "
                "instead (workers), or make every part of it picklable: no lambda, no open file."
            ) from error

    def submit(self, jobs):
        """A Future of `batch`."""
        return self._processes.submit(jobs)

    def batch(self, jobs):
        """As `BatchLoader.batch`. Raises RuntimeError as well if a process is killed, or finds no data set, or after `close`."""
        try:
            return self.submit(jobs).result()
        except BrokenProcessPool as error:
            self._processes.restart()
            raise RuntimeError(
                "A process that loads data has died. Either memory ran out (use fewer processes), or it could not import "
                "what the data set is made of: define the Dataset class in a module, not in a notebook, and guard the "
                'script with if __name__ == "__main__".'
            ) from error

    def close(self):
        """End the processes, and start no other until `open`."""
        self._processes.close()

    def open(self):
        """Let the next batch start processes again."""
        self._processes.open()


def check_size(image_hw, first_hw, examples, job):
    """Raise ValueError naming the image of a `ExampleSpec` if it lies on a canvas of another size than the first that was trained on."""
    if tuple(image_hw) != tuple(first_hw):
        mode, name = (
            examples.config.IMAGE_RESIZE_MODE,
            examples.dataset.image_info[job.image_id].get("path") or job.image_id,
        )
        raise ValueError(
            f"All images of a training must be of one size. Got {image_hw[0]} x {image_hw[1]} (height x width) for {name!r} "
            f"and {first_hw[0]} x {first_hw[1]} before, since IMAGE_RESIZE_MODE {mode!r} lets each keep its own. "
            "Train with 'square', 'portrait' or 'crop'."
        )


def _pad(rows, count):
    """Stack (n_i, ...) arrays into (B, count, ...), zeros below."""
    out = np.zeros((len(rows), count, *rows[0].shape[1:]), rows[0].dtype)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
