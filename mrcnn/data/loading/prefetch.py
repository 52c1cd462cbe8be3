"""PrefetchDataset: worker threads prepare batches ahead and stop with the epoch."""

import collections
import concurrent.futures
import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras


class PrefetchDataset(keras.utils.PyDataset):
    """Batches that are a function of (epoch, index). Subclasses define `__len__` and `make`.

    Set `epoch` before an epoch begins. Call `close` when a training has ended or was interrupted,
    see `closing_batches`. `failure` is the exception that the first failed batch of an epoch
    raised, or None.

    Args:
        threads: Threads that make batches during an epoch. One thread prepares none ahead.
        max_ahead: Up to `max_ahead + threads` batches are prepared ahead. On TensorFlow, tf.data
            takes a few more than the training has used.
    """

    def __init__(self, threads: int = 1, max_ahead: int = 4) -> None:
        # Keras' own threads would outlive an interrupted training, blocked on a full queue. Those
        # of `_Epoch` end.
        super().__init__(workers=1)
        self.epoch = 0
        self.failure: Exception | None = None
        self._threads, self._max_ahead = threads, max_ahead + threads
        self._prefetched: _Epoch | None = None
        self._closed = False

    def make(self, epoch: int, index: int) -> Any:
        """Makes a batch; called in several threads at once.

        Args:
            epoch: Number of the epoch, from 0.
            index: Of the batch within the epoch.

        Returns:
            The batch.
        """
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        if index == 0:  # Keras asks for it before the first epoch of a training begins
            self._open()
        if self._closed:
            raise RuntimeError(
                "These batches are closed. A training opens them again, or asking for batch 0."
            )
        # Read once: another thread may end the epoch in between.
        prefetched = self._prefetched
        return self._make(self.epoch, index) if prefetched is None else prefetched.take(index)

    def on_epoch_begin(self) -> None:
        """Starts preparing batches, until the epoch ends; Keras calls this."""
        self._open()
        self.on_epoch_end()
        self.failure = None
        if self._threads > 1:
            make = functools.partial(self._make, self.epoch)
            self._prefetched = _Epoch(make, len(self), self._threads, self._max_ahead)

    def on_epoch_end(self) -> None:
        """Stops the threads of an epoch; Keras calls this."""
        prefetched, self._prefetched = self._prefetched, None
        if prefetched is not None:
            prefetched.end()

    def close(self) -> None:
        """Stops the threads, busy ones after their batch, wherever the epoch is.

        Whoever still reads this epoch gets a RuntimeError. The next training opens the batches
        again, or asking for batch 0.
        """
        self._closed = True
        self.on_epoch_end()

    def on_reopen(self) -> None:
        """Called when closed batches are read again; for subclasses."""

    def _make(self, epoch: int, index: int) -> Any:
        try:
            return self.make(epoch, index)
        except Exception as error:
            self.failure = self.failure or error
            raise

    def _open(self) -> None:
        if self._closed:
            self._closed = False
            self.on_reopen()


class _Epoch:
    """The batches of one epoch, prepared in threads, at most `max_ahead` of them ahead."""

    def __init__(
        self, make: Callable[[int], Any], steps: int, threads: int, max_ahead: int
    ) -> None:
        self._make, self._steps, self._max_ahead = make, steps, max_ahead
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, "batches")
        # Futures of the batches from `_next` on.
        self._futures: collections.deque[concurrent.futures.Future] = collections.deque()
        self._next, self._lock = 0, threading.Lock()

    def take(self, index: int) -> Any:
        """Returns a batch, made now if it is not the next; RuntimeError after `end`."""
        with self._lock:
            in_order = index == self._next
            if in_order:
                self._submit()
                self._next, future = self._next + 1, self._futures.popleft()
        if not in_order:
            return self._make(index)
        try:
            return future.result()
        except concurrent.futures.CancelledError as error:
            raise RuntimeError(
                "This epoch was broken off, and its batches are no longer made."
            ) from error

    def _submit(self) -> None:
        end = self._next + len(self._futures)
        while end < self._steps and len(self._futures) <= self._max_ahead:
            self._futures.append(self._pool.submit(self._make, end))
            end += 1

    def end(self) -> None:
        """Stops the threads, busy ones after their batch."""
        self._pool.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def closing_batches(*all_batches: Any) -> Iterator[None]:
    """Closes batches when the block ends: loader threads would outlive an interrupt.

    If the block ends because a batch could not be made, the exception of the batch is raised.
    TensorFlow would raise one of its own, of many lines, in its place.

    Args:
        *all_batches: Any `PyDataset`; those without `close` are left alone.

    Yields:
        Nothing.
    """
    try:
        yield
    except Exception as error:
        for batches in all_batches:
            failure = getattr(batches, "failure", None)
            if failure is not None and failure is not error:
                raise failure from None
            if failure is not None:
                break
        raise
    finally:
        for batches in all_batches:
            if hasattr(batches, "close"):
                batches.close()
