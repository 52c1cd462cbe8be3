"""RunFolder: what a training leaves behind, and where.

config.json   every value in force       history.csv   one row an epoch
last.h5       weights and optimiser, to go on with      best.h5   weights of the best validation score
tensorboard/  pictures/
"""

import csv
import glob
import io
import itertools
import json
import logging
import re
from pathlib import Path

from mrcnn.files import remove_leftovers, write_text
from mrcnn.json_files import read_json_object

log = logging.getLogger(__name__)


class RunFolder:
    """The files of one training under `path`."""

    def __init__(self, path, epoch_weights=None):
        """epoch_weights: a name with {epoch}, for instance "mask_rcnn_shapes_{epoch:04d}.h5": keep the weights of every epoch under
        that name, without the optimiser, in place of last.h5. It may be a whole path, elsewhere."""
        self.path, self.epoch_weights = Path(path), epoch_weights
        self.config, self.history = self.path / "config.json", self.path / "history.csv"
        self.last, self.best = self.path / "last.h5", self.path / "best.h5"
        self.tensorboard, self.pictures = self.path / "tensorboard", self.path / "pictures"

    @classmethod
    def create(cls, runs, name):
        """A new run folder `name` in the folder `runs`; where there is one already, made by another training in the same second, a
        number is appended: -2, -3, …"""
        Path(runs).mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = Path(runs) / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()
                return cls(path)
            except FileExistsError:
                pass

    def weights_of(self, epoch):
        """Where the weights of an epoch, counted from 1, are written."""
        return (
            self.path / self.epoch_weights.format(epoch=epoch) if self.epoch_weights else self.last
        )

    def remove_leftovers(self):
        """Remove the temporary files that a training killed while saving has left; before another one begins here."""
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

    def write_config(self, values):
        """Write config.json; values: JSON-able."""
        write_text(self.config, json.dumps(values, indent=2) + "\n")

    def read_config(self):
        """What `write_config` wrote. Raises FileNotFoundError if this is no run folder, ValueError if the file was damaged."""
        if not self.config.exists():
            raise FileNotFoundError(
                f"{self.path} is no run folder: it has no config.json. Give the folder that training wrote."
            )
        return read_json_object(self.config)

    def write_history(self, rows):
        """Write history.csv; rows: a list of dicts with the key "epoch". Columns appear in the order they first occur.

        Where another program keeps the file to itself, it stays as it is, with a warning: checkpoints hold the history, too.
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
                "%s could not be written (%s). Is it open in another program? The next epoch writes it again.",
                self.history,
                error,
            )

    def read_history(self):
        """The rows of history.csv, numbers as numbers; [] if there is none."""
        if not self.history.exists():
            return []
        with self.history.open(newline="", encoding="utf-8") as file:
            return [
                {k: _number(v) for k, v in row.items() if v != ""} for row in csv.DictReader(file)
            ]


def _number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
