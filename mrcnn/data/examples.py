"""Examples: batches as they are read, made in this thread or in processes of their own; free of Keras, which takes seconds to import."""
import concurrent.futures
import dataclasses
import multiprocessing
import os
import pickle
import sys
import threading
from concurrent.futures.process import BrokenProcessPool

import cv2
import numpy as np

from mrcnn.config import Config
from mrcnn.data.ground_truth import Variation, load_ground_truth

_examples = None        # of a worker process


@dataclasses.dataclass(frozen=True)
class Job:
    """What an example is: a function of these and the data set alone. position: in the sequence of all examples, which seeds its chance;
    image_id, partner: ids of images, the partner for `Variation`; varied: whether it is varied at all."""

    position: int
    image_id: int
    partner: int | None = None
    varied: bool = False


class Examples:
    """dataset: a prepared `Dataset`; config: a `Config`; augmenter: see `mrcnn.data.augmentation`; class_weights: see
    `mrcnn.data.copy_paste`"""

    def __init__(self, dataset, config, augmenter=None, class_weights=None):
        self.dataset, self.config, self.augmenter, self.class_weights = dataset, config, augmenter, class_weights

    def __getstate__(self):
        # A config's class may be made on the fly, and its backbone a function, of which no example knows.
        return vars(self) | {"config": self.config.to_dict()}

    def __setstate__(self, state):
        vars(self).update(state | {"config": Config.from_dict(state["config"])})

    def batch(self, jobs):
        """{name: (B, ...)} of B `Job`s: images uint8, windows and the columns of `load_ground_truth`, zeros below row N of each.

        Raises RuntimeError naming the image that cannot be read, and ValueError for images of several sizes.
        """
        examples = [self._example(job) for job in jobs]
        sizes = {e["image"].shape[:2] for e in examples}
        if len(sizes) > 1:
            raise ValueError(f"The images of one batch must be of one size. Got {sorted(sizes)}, since IMAGE_RESIZE_MODE "
                             f"{self.config.IMAGE_RESIZE_MODE!r} lets each keep its own. Train with 'square' or 'crop'.")
        columns = [name for name in examples[0] if name.startswith("gt_")]
        return {"images": np.stack([e["image"] for e in examples]), "windows": np.stack([e["window"] for e in examples]),
                **{name: _pad([e[name] for e in examples], self.config.MAX_GT_INSTANCES) for name in columns}}

    def _example(self, job):
        rng = np.random.default_rng([self.config.SEED, job.position])
        variation = Variation(self.augmenter, job.partner, self.class_weights) if job.varied else None
        return load_ground_truth(self.dataset, job.image_id, self.config, variation, rng)


class ExampleProcesses:
    """The same `batch`, each made in one of `count` processes, which are started with the first and end with this one.

    They are started anew rather than forked, on every system alike: a copy of a process in which TensorFlow runs may hang. Raises
    ValueError if the data set cannot be sent to them.
    """

    def __init__(self, examples, count):
        try:
            self._sent = pickle.dumps(examples)
        except Exception as error:
            raise ValueError(f"The data set or the augmenter cannot be sent to other processes ({error}). Load the data in threads "
                             "instead (workers), or make every part of it picklable: no lambda, no open file.") from error
        self._count, self._pool, self._submitting = count, None, threading.Lock()

    def batch(self, jobs):
        """As `Examples.batch`. Raises RuntimeError as well if a process is killed, or finds no data set."""
        try:
            return self.submit(jobs).result()
        except BrokenProcessPool as error:
            self.close()
            raise RuntimeError("A process that loads data has died. Either memory ran out (use fewer processes), or it could not import "
                               "what the data set is made of: define the Dataset class in a module, not in a notebook, and guard the "
                               'script with if __name__ == "__main__".') from error

    def submit(self, jobs):
        """A Future of `batch`."""
        with self._submitting, _HiddenMain(b"__main__" not in self._sent):        # submitting starts a process if there are too few
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = concurrent.futures.ProcessPoolExecutor(self._count, context, _begin, (self._sent,))
            return self._pool.submit(_batch, jobs)

    def close(self):
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


class _HiddenMain:
    """While it lasts, new processes do not import the script that is running: it may import TensorFlow, which no loader needs."""

    def __init__(self, wanted):
        self._main, self._wanted, self._hidden = sys.modules["__main__"], wanted, {}

    def __enter__(self):
        for name in ("__file__", "__spec__") if self._wanted else ():
            if name in vars(self._main):
                self._hidden[name] = vars(self._main)[name]
                setattr(self._main, name, None)

    def __exit__(self, *error):
        vars(self._main).update(self._hidden)


def _begin(sent):
    global _examples
    _examples = pickle.loads(sent)
    cv2.setNumThreads(1)        # the processes share the cores already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    """A training that is killed has no time to end its processes."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _batch(jobs):
    return _examples.batch(jobs)


def _pad(rows, count):
    """Stack (n_i, ...) arrays into (B, count, ...), zeros below."""
    out = np.zeros((len(rows), count, *rows[0].shape[1:]), rows[0].dtype)
    for i, row in enumerate(rows):
        out[i, :len(row)] = row
    return out
