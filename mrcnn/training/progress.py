"""Progress of a training that other code shows: a bar that counts batches, the time of an epoch."""

import time
from collections.abc import Mapping
from typing import Any

import keras
from tqdm import tqdm


def set_forward(bar: tqdm, count: int) -> None:
    """Advances a bar by work of an earlier process, which says nothing about the speed of this one.

    Args:
        bar: Its estimate of the remaining time stays that of this process.
        count: Units of work.
    """
    bar.n += count
    bar.initial += count
    bar.last_print_n += count
    bar.refresh()


class BatchBar(keras.callbacks.Callback):
    """Advances a bar with every batch and shows the loss.

    Args:
        bar: Counts batches; whoever made it closes it.
    """

    def __init__(self, bar: tqdm) -> None:
        super().__init__()
        self.bar = bar

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.bar.set_postfix_str(f"loss {(logs or {})['loss']:.3f}", refresh=False)
        self.bar.update()


class EpochClock(keras.callbacks.Callback):
    """Measures the time since the epoch began, for `evaluate` to add to the history."""

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._began = time.monotonic()

    def seconds(self) -> float:
        """Seconds since the epoch began.

        Returns:
            Includes what was evaluated so far.
        """
        return time.monotonic() - self._began
