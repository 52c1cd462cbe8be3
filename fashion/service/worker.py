"""Worker: one thread that owns a model or an index, with a short queue in front of it."""

import asyncio
import collections
import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from fashion.service.refusals import Refusal
from mrcnn.process import check_process

Owned = TypeVar("Owned")
Result = TypeVar("Result")

# Recent durations, from which the time of the queue is guessed.
_REMEMBERED = 20
_LOADING_SECONDS = 5


class Worker(Generic[Owned]):
    """A thread that loads something, and then does one piece of work with it after the other.

    One thread, because more buy nothing: 16 photos took weights/ccp.h5 2.5 to 3.4 s of CPU time
    with 1, 2 or 8 threads, and in batches of four. A photo computes on all cores by itself. So
    there is no micro-batching either. And predictors are not made to be shared by threads.

    Args:
        name: Of what is loaded, to begin a sentence.
        load: Loads it. Called in the thread.
        most_waiting: Pieces of work that wait at most.
    """

    def __init__(self, name: str, load: Callable[[], Owned], most_waiting: int) -> None:
        self.name, self._load = name, load
        self._queue: queue.Queue[Any] = queue.Queue(most_waiting)
        self._thread = threading.Thread(target=self._run, name=f"service-{name}", daemon=True)
        self._seconds: collections.deque[float] = collections.deque([1.0], _REMEMBERED)
        self._is_ready, self._is_stopping = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.on_failure: Callable[[], Any] | None = None
        self.on_ready: Callable[[], Any] | None = None

    def start(self) -> None:
        """Starts the thread.

        Raises:
            ForkedProcessError: Networks ran before this process was forked.
        """
        check_process()
        self._thread.start()

    @property
    def is_ready(self) -> bool:
        """Whether it is loaded and works."""
        return self._is_ready.is_set() and not self._is_stopping.is_set()

    @property
    def waiting(self) -> int:
        """Number of pieces of work that wait."""
        return self._queue.qsize()

    def submit(self, work: Callable[[Owned], Result]) -> "asyncio.Future[Result]":
        """Queues a piece of work.

        Args:
            work: Called in the thread with what was loaded.

        Returns:
            Its result, to be awaited. If it is cancelled before the work has begun, the work is
            left out.

        Raises:
            ForkedProcessError: The thread runs in the process that this one was forked from.
            Refusal: 503, because it is not loaded yet, the queue is full, or it ends.
        """
        check_process()
        if self._is_stopping.is_set():
            raise Refusal(503, "The service is being stopped.", _LOADING_SECONDS)
        if not self._is_ready.is_set():
            raise Refusal(503, f"{self.name} is still being loaded. Try again.", _LOADING_SECONDS)
        future: concurrent.futures.Future[Result] = concurrent.futures.Future()
        try:
            self._queue.put_nowait((future, work))
        except queue.Full:
            raise Refusal(503, "Too many requests wait. Try again.", self._wait_seconds()) from None
        return asyncio.wrap_future(future)

    def stop(self, seconds: float) -> bool:
        """Lets the thread finish what waits, and end.

        Args:
            seconds: To wait for that.

        Returns:
            Whether it has ended. It has not if it still loads.
        """
        self._is_stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _wait_seconds(self) -> float:
        return sum(self._seconds) / len(self._seconds) * (1 + self._queue.qsize())

    def _run(self) -> None:
        try:
            owned = self._load()
        except BaseException as error:
            self.error = error
            if self.on_failure is not None:
                self.on_failure()
            return
        self._is_ready.set()
        if self.on_ready is not None:
            self.on_ready()
        while True:
            try:
                future, work = self._queue.get(timeout=0.2)
            except queue.Empty:
                if self._is_stopping.is_set():
                    return
                continue
            self._do(owned, future, work)
            del future, work  # photos are large

    def _do(self, owned: Owned, future: Any, work: Callable[[Owned], Any]) -> None:
        if not future.set_running_or_notify_cancel():  # the client has gone
            return
        began = time.monotonic()
        try:
            future.set_result(work(owned))
        except BaseException as error:
            future.set_exception(error)
        self._seconds.append(time.monotonic() - began)
