"""One training of a search: `fashion train` in a process of its own, followed epoch by epoch."""

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO

from fashion.cli.interrupts import INTERRUPTED, TERMINATED
from fashion.reports.run_facts import FINISHED, read_run
from mrcnn.locks import FolderInUse, check_free
from mrcnn.training.run_folder import RunFolder

COMMAND = (sys.executable, "-m", "fashion", "train")
LOG = "train.log"
# Between two looks at the training: 0.1 % of a CPU.
POLL_S = 0.2
# A training that was asked to stop saves nothing any more; it may be compiling.
_PATIENCE_S = 60
# A training that is killed before it completes another epoch is started this many times.
_ATTEMPTS = 3
_LAST_LINES = 15
_KILLED = (-9, 128 + 9)


class TrainingFailed(Exception):
    """A training ended with an error; the message is its last words."""


@dataclasses.dataclass
class Training:
    """A training that can be resumed, in its own run folder.

    Attributes:
        folder: Its run folder.
        words: Options of `fashion train`, without --out and --name.
        command: The command that trains.
    """

    folder: Path
    words: Sequence[str]
    command: Sequence[str] = COMMAND

    @property
    def run(self) -> RunFolder:
        """Its run folder."""
        return RunFolder(self.folder)

    def is_finished(self) -> bool:
        """Returns whether nothing is left to do.

        Returns:
            False too for a training that never began, or whose page and scores are not written.
        """
        if not self.run.config.exists() or not (self.folder / "index.html").exists():
            return False
        return read_run(self.folder).state == FINISHED

    def follow(self) -> Generator[int, None, None]:
        """Trains what is missing. Closing the iterator stops the training as Ctrl-C does.

        Yields:
            The number of complete epochs whenever there are more of them.

        Raises:
            TrainingFailed: It ended with an error.
        """
        done, attempts = self.epochs(), 0
        if done:
            yield done
        while not self.is_finished():
            self._wait_until_free()
            status = yield from self._once(done)
            before, done = done, self.epochs()
            attempts = 1 if done > before else attempts + 1
            if status == 0:
                return
            was_stopped = status in (*_KILLED, INTERRUPTED, TERMINATED, -2, -15)
            if not was_stopped or attempts >= _ATTEMPTS:
                raise TrainingFailed(self._last_words(status))

    def epochs(self) -> int:
        """Counts the complete epochs.

        Returns:
            Rows of history.csv.
        """
        return len(self.run.read_history())

    def _once(self, done: int) -> Generator[int, None, int]:
        """Starts the process and follows it; returns its exit status."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / LOG, "ab") as log:
            process = self._start(log)
            written = None
            try:
                while True:
                    status = _wait(process)
                    before, written = written, _written(self.run.history)
                    if written != before and self.epochs() > done:
                        done = self.epochs()
                        yield done
                    if status is not None:
                        return status
            finally:
                _stop(process)

    def _start(self, log: IO[bytes]) -> subprocess.Popen:
        # In our process group: Ctrl-C reaches it, and so does a kill of the group.
        out = ["--out", str(self.folder.parent), "--name", self.folder.name]
        packages = str(Path(__file__).parents[2])
        paths = [packages, *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(
            [*self.command, *self.words, *out],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )

    def _wait_until_free(self) -> None:
        """Waits for a training in the folder whose search was killed alone."""
        while True:
            try:
                check_free(self.folder)
                return
            except FolderInUse:
                time.sleep(POLL_S)

    def _last_words(self, status: int) -> str:
        if status in _KILLED:
            return "it was killed three times before it completed an epoch; out of memory?"
        text = (self.folder / LOG).read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines[-_LAST_LINES:] if ": error: " in line]
        words = errors[-1].partition(": error: ")[2] if errors else lines[-1] if lines else ""
        return f"{words or 'no message'} (exit status {status})"


def _written(path: Path) -> int | None:
    """When a file was written, in nanoseconds; None if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _wait(process: subprocess.Popen) -> int | None:
    """Waits a little; returns the exit status, None while the process runs."""
    if process.poll() is None:
        time.sleep(POLL_S)  # `wait` with a timeout would wake twenty times a second
    return process.poll()


def _stop(process: subprocess.Popen) -> None:
    """Ends a training as Ctrl-C does, at the latest by killing it."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    except BaseException:  # the user has interrupted again
        process.kill()
        process.wait()
        raise
