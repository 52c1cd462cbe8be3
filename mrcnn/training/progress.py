"""Progress of a training that other code shows: bars in a terminal, lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
from tqdm import tqdm

LINE_SECONDS = 30  # between two lines, where there is no terminal for a bar


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


class EpochRecord(EpochClock):
    """Adds the learning rate and the duration of an epoch to the history, as lr and epoch_seconds.

    The rate is that after the last batch; the seconds include validation.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
            logs |= {"lr": float(rate), "epoch_seconds": round(self.seconds(), 2)}


class LineEvery:
    """Prints a line at intervals; the first one after the first interval.

    Args:
        seconds: Between two lines.
        clock: Returns seconds.
    """

    def __init__(
        self, seconds: float = LINE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds, self.clock = seconds, clock
        self.last = clock()

    def __call__(self, text: Callable[[], str]) -> None:
        """Prints if it is time.

        Args:
            text: Makes the line.
        """
        now = self.clock()
        if now - self.last >= self.seconds:
            self.last = now
            print(text(), file=sys.stderr, flush=True)


class ProgressLines(keras.callbacks.Callback):
    """Prints losses, images per second and the remaining time at intervals, for a log file.

    Args:
        batch_size: Images of a batch.
        epochs: Of all stages.
        seconds: Between two lines.
        clock: Returns seconds.
    """

    async_safe = True

    def __init__(
        self,
        batch_size: int,
        epochs: int,
        seconds: float = LINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.batch_size, self.epochs, self._clock = batch_size, epochs, clock
        self._line = LineEvery(seconds, clock)
        self._began: tuple[int, float] | None = None  # batch and time of the first one

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._epoch, self._began = epoch, None

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._began is None:  # the first batch includes compilation
            self._began = batch, self._clock()
        first, began = self._began
        self._line(lambda: self._progress(batch, batch - first, began, logs or {}))

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._line(lambda: f"epoch {self._epoch + 1}: validation loss, batch {batch + 1}")

    def _progress(self, batch: int, done: int, began: float, logs: Mapping[str, Any]) -> str:
        steps = self.params["steps"]
        losses = ", ".join(f"{name} {float(value):.3f}" for name, value in logs.items())
        text = f"epoch {self._epoch + 1}/{self.epochs}, batch {batch + 1}/{steps}: {losses}"
        seconds = self._clock() - began
        if done and seconds:
            left = (steps - batch - 1) * seconds / done
            speed = self.batch_size * done / seconds
            text += f", {speed:.1f} images/s, {tqdm.format_interval(left)} to the end of the epoch"
        return text


@contextlib.contextmanager
def progress(total: int, what: str, unit: str) -> Iterator[Callable[[], None]]:
    """Shows the progress of work: as a bar in a terminal, elsewhere as a line at intervals.

    Args:
        total: Units of work.
        what: Name of the work.
        unit: Name of a unit.

    Yields:
        A function to call after each unit.
    """
    if sys.stderr.isatty():
        with tqdm(total=total, desc=what, unit=unit, leave=False) as bar:
            yield lambda: bar.update() and None
        return
    line, began, done = LineEvery(LINE_SECONDS), time.monotonic(), 0

    def step() -> None:
        nonlocal began, done
        done += 1
        text = f"{what}: {done}/{total} {unit}s"
        if done == 1:  # the first unit includes compilation
            began = time.monotonic()
        else:
            left = (total - done) * (time.monotonic() - began) / (done - 1)
            text += f", {tqdm.format_interval(left)} left"
        line(lambda: text)

    yield step


def shows_bars() -> bool:
    """Tells whether Keras' bar and tqdm's are seen as they should be.

    Returns:
        False if the output or the errors of the process go to a file, where lines are better.
    """
    return "ipykernel" in sys.modules or (sys.stdout.isatty() and sys.stderr.isatty())
