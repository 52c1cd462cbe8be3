"""Partial file: a submission that grows image by image, and continues after a crash."""

import csv
import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from fashion.formats.csv_table import long_cells
from mrcnn.files import appending
from mrcnn.typing import PathLike


class PartialFile:
    """`PATH.partial`, and `PATH.partial.json` with the settings that it depends on.

    A file of the same settings is continued. Its last image may be cut off, so that one is dropped.

    Args:
        path: The finished file.
        columns: Column names of the CSV.
        settings: All that decides the content, as JSON.
        image_ids: The images that may have rows.
        restart: Starts again even if there is a partial file.

    Attributes:
        path: `PATH.partial`.
        done: ImageIds whose rows the file holds.

    Raises:
        ValueError: If the file was started with other settings, or has rows of other images. It is
            left untouched.
    """

    def __init__(
        self,
        path: PathLike,
        columns: Collection[str],
        settings: Mapping[str, Any],
        image_ids: Collection[str],
        *,
        restart: bool = False,
    ) -> None:
        self._finished = Path(path)
        self.path = self._finished.with_name(self._finished.name + ".partial")
        self._sidecar = self._finished.with_name(self._finished.name + ".partial.json")
        self._header = ",".join(columns) + "\n"
        self._settings = json.loads(json.dumps(settings))  # as they will be read back
        self.done: set[str] = set()
        self._file: BinaryIO
        self._finished.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not restart:
            self._check_settings()
            self._resume(image_ids)
        else:
            self._start()

    def add(self, image_id: str, rows: str) -> None:
        """Appends all rows of one image; they are on disk when this returns.

        Args:
            image_id: The image.
            rows: CSV, with line ends.
        """
        self._write(rows)
        self.done.add(image_id)

    def flush(self) -> None:
        """Hands everything to the operating system, for a reader of the file."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file; it can be continued later."""
        with appending(self.path):
            self._file.close()

    def finish(self) -> Path:
        """Closes the file, gives it its final name and removes its settings.

        Returns:
            The finished file.
        """
        self.close()
        os.replace(self.path, self._finished)
        self._sidecar.unlink(missing_ok=True)
        return self._finished

    def _write(self, text: str) -> None:
        with appending(self.path):
            self._file.write(text.encode())
            self._file.flush()
            os.fsync(self._file.fileno())

    def _start(self) -> None:
        with appending(self.path):
            # The old file goes before the new settings come, so that a crash cannot pair them.
            self.path.unlink(missing_ok=True)
            new = self._sidecar.with_name(self._sidecar.name + ".new")
            description = {"settings": self._settings, "hash": digest(self._settings)}
            new.write_text(json.dumps(description, indent=1) + "\n")
            os.replace(new, self._sidecar)
            self._file = open(self.path, "wb")
            self._write(self._header)

    def _check_settings(self) -> None:
        advice = f"Pass restart=True or delete {self.path} to start again, or choose another path."
        try:
            before = dict(json.loads(self._sidecar.read_text())["settings"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{self.path} exists, but {self._sidecar.name}, which says what it was made "
                f"from, cannot be read ({error!r}). {advice}"
            ) from error
        now = self._settings
        different = sorted(
            key for key in before.keys() | now.keys() if before.get(key) != now.get(key)
        )
        if different:
            changes = "; ".join(
                f"{key}: {str(before.get(key))[:80]} there, {str(now.get(key))[:80]} here"
                for key in different
            )
            raise ValueError(
                f"{self.path} was started with other settings ({changes}), so its rows cannot "
                f"be continued. {advice}"
            )

    def _resume(self, image_ids: Collection[str]) -> None:
        """Finds the complete images and drops what follows: the last one, cut or not."""
        with long_cells(), open(self.path, "rb") as file:
            if file.readline() != self._header.encode():  # cut off within the header
                file.close()
                self._start()
                return
            kept, last = file.tell(), None
            while line := file.readline():
                image_id = _image_id_of(line)
                if image_id != last:
                    if last is not None:
                        self.done.add(last)
                    last, kept = image_id, file.tell() - len(line)
        unknown = self.done.difference(image_ids)
        if unknown:
            raise ValueError(
                f"{self.path} has rows of {sorted(unknown)[0]!r}, which is not an image of "
                "this submission: something else wrote to it. Pass restart=True to start again."
            )
        self._file = open(self.path, "r+b")
        self._file.truncate(kept)
        self._file.seek(kept)


def digest(value: Any) -> str:
    """Computes a hash of a JSON value.

    Args:
        value: JSON; the order of keys does not count.

    Returns:
        SHA-256, hexadecimal.
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _image_id_of(line: bytes) -> str:
    """The ImageId of a line; "", which is not an image, if it is not CSV."""
    try:
        return (next(csv.reader([line.decode(errors="replace").rstrip("\n")]), None) or [""])[0]
    except csv.Error:
        return ""
