"""`RunFolder`: the files that a training leaves.

config.json   every setting                          history.csv   a row for each epoch
last.h5       weights and optimiser, to resume from  best.h5       weights of the best score
epoch_0012.h5 of the last epochs, if asked for         tensorboard/  pictures/
"""

import csv
import glob
import io
import itertools
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from mrcnn.files import atomic_path, remove_leftovers, write_text
from mrcnn.json_files import read_json_object
from mrcnn.typing import PathLike

log = logging.getLogger(__name__)

AVERAGED = "ema_"  # before the names of scores of averaged weights, in history.csv


class RunFolder:
    """The files of one training.

    Args:
        path: The folder.
        epoch_weights: A name with {epoch}, such as "mask_rcnn_shapes_{epoch:04d}.h5", or a path
            elsewhere: keep the weights of every epoch under it, without the optimiser, instead of
            last.h5.
    """

    def __init__(self, path: PathLike, epoch_weights: str | None = None) -> None:
        self.path, self.epoch_weights = Path(path), epoch_weights
        self.config, self.history = self.path / "config.json", self.path / "history.csv"
        self.last, self.best = self.path / "last.h5", self.path / "best.h5"
        self.tensorboard, self.pictures = self.path / "tensorboard", self.path / "pictures"

    @classmethod
    def create(cls, runs: PathLike, name: str) -> Self:
        """Makes a new run folder.

        Args:
            runs: The folder it is made in.
            name: Its name. If another training took it in the same second, -2, -3, … is appended.

        Returns:
            The run folder.
        """
        Path(runs).mkdir(parents=True, exist_ok=True)
        # mkdir is the lock: two trainings that start in one second cannot both make the folder.
        for number in itertools.count(1):
            path = Path(runs) / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()
                return cls(path)
            except FileExistsError:
                pass
        raise AssertionError("unreachable")

    def weights_of(self, epoch: int) -> Path:
        """Names the file for the weights of an epoch.

        Args:
            epoch: Counted from 1.

        Returns:
            Its path.
        """
        return (
            self.path / self.epoch_weights.format(epoch=epoch) if self.epoch_weights else self.last
        )

    def kept_checkpoints(self) -> dict[int, Path]:
        """Finds the checkpoints that `keep_checkpoint` has kept.

        Returns:
            Paths by their epochs, counted from 1, in this order.
        """
        found = {}
        for path in self.path.glob("epoch_*.h5"):
            if match := re.fullmatch(r"epoch_(\d{4,})\.h5", path.name):
                found[int(match[1])] = path
        return dict(sorted(found.items()))

    def keep_checkpoint(self, epoch: int, count: int) -> None:
        """Keeps last.h5 under the name of its epoch, and removes older ones that are too many.

        Args:
            epoch: Of last.h5, counted from 1.
            count: How many checkpoints to keep.
        """
        path = self.path / f"epoch_{epoch:04d}.h5"
        with atomic_path(path, synced=False) as temporary:
            temporary.unlink()
            try:
                # The next checkpoint replaces last.h5 by a rename, so the link keeps this one.
                os.link(self.last, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(self.last, temporary)
        kept = self.kept_checkpoints()
        for number in [n for n in kept if n <= epoch][:-count]:
            kept[number].unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Removes temporary files of a training that was killed while saving."""
        names = [path.name for path in (self.config, self.history, self.last, self.best)]
        if self.epoch_weights:
            names.append(
                "*".join(
                    glob.escape(part)
                    for part in re.split(r"\{epoch[^}]*\}", Path(self.epoch_weights).name)
                )
            )
        remove_leftovers(self.path, names)
        for folder in (self.path, self.pictures):
            remove_leftovers(folder)

    def clear(self) -> None:
        """Removes what a training leaves, to start over; other files stay."""
        kept = self.kept_checkpoints().values()
        for path in (self.config, self.history, self.last, self.best, *kept):
            path.unlink(missing_ok=True)
        for folder in (self.tensorboard, self.pictures):
            shutil.rmtree(folder, ignore_errors=True)

    def write_config(self, values: Mapping[str, Any]) -> None:
        """Writes config.json.

        Args:
            values: JSON-able.
        """
        write_text(self.config, json.dumps(values, indent=2) + "\n")

    def read_config(self) -> dict[str, Any]:
        """Reads config.json.

        Returns:
            What `write_config` was given.

        Raises:
            FileNotFoundError: This is not a run folder.
            ValueError: The file is damaged.
        """
        if not self.config.exists():
            raise FileNotFoundError(
                f"{self.path} is not a run folder: it has no config.json. Give the folder that "
                "training wrote."
            )
        return read_json_object(self.config)

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes history.csv.

        If another program has locked the file, it stays unchanged, with a warning: checkpoints hold
        the history as well.

        Args:
            rows: Epochs; columns appear in the order in which they first occur.
        """
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        try:
            write_text(self.history, text.getvalue())
        except PermissionError as error:
            log.warning(
                "%s could not be written (%s). Is it open in another program? The next epoch "
                "writes it again.",
                self.history,
                error,
            )

    def read_history(self) -> list[dict[str, Any]]:
        """Reads history.csv.

        Returns:
            A dict for each epoch, numbers as numbers; [] if there is no such file.
        """
        if not self.history.exists():
            return []
        with self.history.open(newline="", encoding="utf-8") as file:
            rows = []
            for row in csv.DictReader(file):
                rows.append({name: _number(text) for name, text in row.items() if text != ""})
        return rows


def _number(text: Any) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
