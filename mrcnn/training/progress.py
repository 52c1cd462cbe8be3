"""Progress of a training that other code shows: bars in a terminal, lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
from tqdm import tqdm

from mrcnn.training.history_words import in_words, losses_in_words, scores_in_words

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
    """Shows a training in words: within an epoch and, with its losses and scores, after it.

    `fit` silences Keras' own bar where this callback is given. It comes after those that add to the
    logs of an epoch.

    Args:
        batch_size: Images of a batch.
        epochs: Of all stages.
        validation_batches: Batches of the validation loss.
        bar: Show a bar, as a terminal can; otherwise lines at intervals, for a log file.
        seconds: Between two lines.
        clock: Returns seconds.
    """

    async_safe = True

    def __init__(
        self,
        batch_size: int,
        epochs: int,
        validation_batches: int = 0,
        *,
        bar: bool = False,
        seconds: float = LINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.batch_size, self.epochs, self.validation_batches = (
            batch_size,
            epochs,
            validation_batches,
        )
        self._clock, self._line = clock, LineEvery(seconds, clock)
        self._shows_bar, self._bar = bar, tqdm(disable=True)
        self._began: tuple[int, float] | None = None  # batch and time of the first one

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._title, self._began = f"epoch {epoch + 1}/{self.epochs}", None
        self._epoch_began = self._clock()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        logs = logs or {}
        if self._shows_bar:
            self._advance(self._title, batch, self.params["steps"], logs)
            return
        if self._began is None:  # the first batch includes compilation
            self._began = batch, self._clock()
        first, began = self._began
        self._line(lambda: self._progress(batch, batch - first, began, logs))

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        title, total = f"{self._title}, validation loss", self.validation_batches
        if self._shows_bar:
            self._advance(title, batch, total, logs or {})
        else:
            self._line(lambda: f"{title}: batch {batch + 1}/{total}")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._bar.close()
        print(self.epoch_in_words(logs or {}, self._clock() - self._epoch_began), flush=True)

    def epoch_in_words(self, logs: Mapping[str, Any], seconds: float) -> str:
        """Writes the losses and scores of an epoch.

        Args:
            logs: Of the epoch.
            seconds: That the epoch took.

        Returns:
            A heading, and a line each for the losses, the scores and the learning rate.
        """
        lines = [losses_in_words(logs)]
        if validation := losses_in_words(logs, validation=True):
            lines.append(f"validation {validation}")
        lines.append(", ".join(scores_in_words(logs)))
        if "lr" in logs:
            lines.append(f"{in_words('lr')}: {float(logs['lr']):.3g}")
        heading = f"{self._title} took {tqdm.format_interval(seconds)}:"
        return "\n  ".join([heading, *filter(None, lines)])

    def _advance(self, title: str, batch: int, total: int, logs: Mapping[str, Any]) -> None:
        """Moves the bar of a pass over batches on; opens and closes it."""
        if batch == 0:
            self._bar.close()
            self._bar = tqdm(total=total or None, desc=title, unit="batch", leave=False)
        if "loss" in logs:
            self._bar.set_postfix_str(f"loss {float(logs['loss']):.3f}", refresh=False)
        self._bar.update(batch + 1 - self._bar.n)
        if batch + 1 == total:
            self._bar.close()

    def _progress(self, batch: int, done: int, began: float, logs: Mapping[str, Any]) -> str:
        steps = self.params["steps"]
        text = f"{self._title}, batch {batch + 1}/{steps}: {losses_in_words(logs)}"
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
    """Returns whether Keras' bar and tqdm's are seen as they should be.

    Returns:
        False if the output or the errors of the process go to a file, where lines are better.
    """
    return "ipykernel" in sys.modules or (sys.stdout.isatty() and sys.stderr.isatty())
