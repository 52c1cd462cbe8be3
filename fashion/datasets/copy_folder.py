"""Copy folder: a smaller copy of a data set, filled image by image, complete with its CSVs."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.datasets.files import DataFiles
from fashion.datasets.resized_copy import encode_copy
from mrcnn.files import atomic_path, remove_leftovers, write_text
from mrcnn.json_files import read_json_object
from mrcnn.locks import LOCK_NAME
from mrcnn.typing import PathLike

_RECORD = "prepared.json"
_SAMPLE = 8  # images that are copied to estimate the size of all
_MARGIN = 1.2  # factor on the estimate


class CopyFolder:
    """A copy of a data set, with the same names and inner folders.

    Args:
        path: The folder of the copy.
        files: The data set.
        longest: Most pixels of an image's longer side.
        quality: Of JPEGs, 1..100.
    """

    def __init__(self, path: PathLike, files: DataFiles, longest: int, quality: int) -> None:
        self.path = Path(path).expanduser()
        self.files, self.longest, self.quality = files, longest, quality
        self.csv_paths = [csv for csv in (files.train_csv, files.val_csv) if csv]

    def check_place(self) -> None:
        """Refuses the data set's own folder.

        Raises:
            ValueError: If the folder is the data set's own, or lies among its images.
        """
        source = self.files.folder.resolve()
        if self.path.resolve() == source or self.path.resolve().is_relative_to(
            self.files.images_dir.resolve()
        ):
            raise ValueError(
                f"--out {self.path} lies where the photos are. Give another folder for the copy."
            )

    def begin(self) -> None:
        """Makes the folder, or continues it if it was started for the same data and settings.

        Nobody else may be working in it.

        Raises:
            ValueError: If it was started for something else, or holds foreign files.
        """
        self.check_place()
        # Only this folder's own files, which a killed run may have been writing.
        remove_leftovers(self.path, [_RECORD, *self._written_names()])
        record = {
            "longest": self.longest,
            "quality": self.quality,
            "labels": _digest(self.files.labels),
            **{csv.name: _digest(csv) for csv in self.csv_paths},
            "photos": self.files.images_dir.name,
        }
        if (self.path / _RECORD).exists():
            self._check(record, read_json_object(self.path / _RECORD))
        elif self.path.exists() and any(
            not path.name.startswith(LOCK_NAME) for path in self.path.iterdir()
        ):
            raise ValueError(
                f"--out {self.path} is not empty and was not begun by this command. Give a new "
                "folder for the copy."
            )
        write_text(self.path / _RECORD, json.dumps(record, indent=1))
        for folder in self._image_folders():
            folder.mkdir(exist_ok=True)
            remove_leftovers(folder)  # of an image that a killed run was writing
        if self.files.labels:
            # Atomically: killed half-way, a complete copy would have lost its labels.
            with atomic_path(self.path / self.files.labels.name) as temporary:
                shutil.copyfile(self.files.labels, temporary)

    def place_of(self, image: Path) -> Path:
        """Returns where the copy of an image belongs.

        Args:
            image: A file of the data set.

        Returns:
            A file of this folder.
        """
        return self.path / image.parent.name / image.name

    def has(self, image: Path) -> bool:
        """Returns whether there is an up-to-date copy of an image.

        Args:
            image: A file of the data set.

        Returns:
            True if there is a copy that is not older than the image.
        """
        copy = self.place_of(image)
        return copy.exists() and copy.stat().st_mtime >= image.stat().st_mtime

    def check_space(self, images: Sequence[Path]) -> None:
        """Estimates from a few copies whether all will fit on the disk.

        Args:
            images: All images to copy.

        Raises:
            OSError: If they will not.
        """
        todo = [image for image in images if not self.has(image)]
        step = -(-len(todo) // _SAMPLE) or 1
        sizes = [size for size in map(self._size_of_copy, todo[::step]) if size]
        rows = sum(csv.stat().st_size for csv in self.csv_paths)  # a smaller mask has fewer runs
        needed = rows + _MARGIN * len(todo) * (float(np.mean(sizes)) if sizes else 0)
        free = shutil.disk_usage(self.path).free
        if needed > free:
            raise OSError(
                f"The copy will take about {size_text(needed)} more, and {self.path} has "
                f"{size_text(free)} left. Free some, give another --out, or a smaller --imgsz or "
                "--quality."
            )

    def sizes(self, images: Sequence[Path]) -> list[int]:
        """Adds up the sizes of files before and after.

        Args:
            images: Images of the data set; those without a copy are left out.

        Returns:
            Bytes of the images, of their copies, of the CSVs, and of the copy's CSVs.
        """
        images = [image for image in images if self.place_of(image).exists()]
        groups = [
            images,
            [self.place_of(image) for image in images],
            self.csv_paths,
            [self.path / csv.name for csv in self.csv_paths],
        ]
        return [sum(path.stat().st_size for path in group) for group in groups]

    def _written_names(self) -> list[str]:
        return [path.name for path in (*self.csv_paths, self.files.labels) if path]

    def _image_folders(self) -> list[Path]:
        folders = (self.files.images_dir, self.files.test_images_dir)
        return [self.path / folder.name for folder in folders if folder]

    def _check(self, record: dict[str, Any], started: dict[str, Any]) -> None:
        """Refuses to continue a copy whose record differs."""
        different = sorted(
            key for key in record.keys() | started.keys() if record.get(key) != started.get(key)
        )
        if different:
            changes = ", ".join(
                f"{key} was {started.get(key)} and is {record[key]}"
                if key in ("longest", "quality")
                else f"{key} has changed"
                for key in different
            )
            raise ValueError(
                f"The copy in {self.path} was started with other arguments: {changes}. Give "
                "the same ones again, give another --out, or remove that folder."
            )

    def _size_of_copy(self, image: Path) -> int:
        try:
            return len(encode_copy(image, self.longest, self.quality))
        except OSError:  # reported when its turn comes
            return 0


def _digest(path: Path | None) -> str | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def size_text(count: float) -> str:
    """Formats a number of bytes.

    Args:
        count: Bytes.

    Returns:
        For instance "1.4 GB".
    """
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
