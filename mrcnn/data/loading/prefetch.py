"""PrefetchDataset: batches that threads make before they are asked for, and that leave no thread behind."""

import collections
import concurrent.futures
import contextlib
import functools
import threading

import keras


class PrefetchDataset(keras.utils.PyDataset):
    """Batches that are functions of (epoch, index) alone: a subclass says how many, `__len__`, and how one is made, `make`.

    threads: that make them during an epoch, at most `most` and one for each thread before they are asked for; with one thread none. On
    TensorFlow tf.data asks for some more than the training has taken.

    Set `epoch` before an epoch begins. Call `close` when a training has ended or was broken off, see `closing_batches`.
    `failure` is the exception with which the first batch of an epoch could not be made, or None.
    """

    def __init__(self, threads=1, most=4):
        # Threads of Keras' own would outlive a training that is broken off, blocked on a full queue; those of `_Epoch` end.
        super().__init__(workers=1)
        self.epoch = 0
        self._threads, self._most = threads, most + threads
        self._ahead, self._closed, self.failure = None, False, None

    def make(self, epoch, index):
        """The batch; called in several threads at once."""
        raise NotImplementedError

    def __getitem__(self, index):
        if index == 0:  # Keras asks for it before the first epoch of a training begins
            self._open()
        if self._closed:
            raise RuntimeError(
                "These batches are closed. A training opens them again, or asking for batch 0."
            )
        ahead = self._ahead
        return self._made(self.epoch, index) if ahead is None else ahead.take(index)

    def on_epoch_begin(self):
        """Make batches before they are asked for, until the epoch ends; Keras calls this."""
        self._open()
        self.on_epoch_end()
        self.failure = None
        if self._threads > 1:
            self._ahead = _Epoch(
                functools.partial(self._made, self.epoch), len(self), self._threads, self._most
            )

    def on_epoch_end(self):
        """End the threads of an epoch; Keras calls this."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.end()

    def close(self):
        """End the threads, those at work after their batch, however far an epoch has come.

        What still reads this epoch gets a RuntimeError and starts nothing again. The next training opens these batches, or batch 0.
        """
        self._closed = True
        self.on_epoch_end()

    def on_reopen(self):
        """Called when closed batches are read anew."""

    def _made(self, epoch, index):
        try:
            return self.make(epoch, index)
        except Exception as error:
            self.failure = self.failure or error
            raise

    def _open(self):
        if self._closed:
            self._closed = False
            self.on_reopen()


class _Epoch:
    """The batches of one epoch, make(index) of 0 to steps - 1, made in threads before they are asked for, at most `most` of them."""

    def __init__(self, make, steps, threads, most):
        self._make, self._steps, self._most = make, steps, most
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, "batches")
        self._made = collections.deque()  # Futures of the batches from `_next` on
        self._next, self._taking = 0, threading.Lock()

    def take(self, index):
        """The batch; it is made now if it is not the next in order. Raises RuntimeError after `end`."""
        with self._taking:
            in_order = index == self._next
            if in_order:
                while self._next + len(self._made) < self._steps and len(self._made) <= self._most:
                    self._made.append(self._pool.submit(self._make, self._next + len(self._made)))
                self._next, future = self._next + 1, self._made.popleft()
        if not in_order:
            return self._make(index)
        try:
            return future.result()
        except concurrent.futures.CancelledError as error:
            raise RuntimeError(
                "This epoch was broken off, and its batches are no longer made."
            ) from error

    def end(self):
        """End the threads, those at work after their batch."""
        self._pool.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def closing_batches(*all_batches):
    """Threads and processes that load would else outlive an interrupt. Batches that cannot be closed are left alone.

    If what ends the block is that a batch could not be made, the exception is that of the batch: TensorFlow raises one of its own, of many
    lines, in its place.
    """
    try:
        yield
    except Exception as error:
        failures = [
            failure
            for batches in all_batches
            if (failure := getattr(batches, "failure", None)) is not None
        ]
        if failures and error is not failures[0]:
            raise failures[0] from None
        raise
    finally:
        for batches in all_batches:
            if hasattr(batches, "close"):  # any PyDataset will do
                batches.close()
