"""The folder of a smaller copy of a data set: begun once, filled photo by photo, complete when it has its CSVs."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from fashion.datasets.resized_copy import encode_copy
from mrcnn.files import atomic_path, remove_leftovers, write_text
from mrcnn.json_files import read_json_object
from mrcnn.locks import LOCK_NAME

_RECORD = "prepared.json"
_SAMPLE = 8  # photos whose copies are made to foretell how large all will be
_MARGIN = 1.2  # what is asked for beyond the forecast


class CopyFolder:
    """A copy of the data set of `files` (DataFiles) in the folder `path`, with the same names and the same inner folders.

    longest: pixels that a photo's longer side may have; quality: of its JPEGs, 1..100.
    """

    def __init__(self, path, files, longest, quality):
        self.path, self.files, self.longest, self.quality = (
            Path(path).expanduser(),
            files,
            longest,
            quality,
        )
        self.csv_paths = [csv for csv in (files.train_csv, files.val_csv) if csv]

    def check_place(self):
        """Raise ValueError if the folder is the data set's own, or lies among its photos."""
        source = self.files.folder.resolve()
        if self.path.resolve() == source or self.path.resolve().is_relative_to(
            self.files.images_dir.resolve()
        ):
            raise ValueError(
                f"--out {self.path} lies where the photos are. Give another folder for the copy."
            )

    def begin(self):
        """Make the folder, or go on with it if it was begun for the same data and settings. Raises ValueError if not.

        Nobody else may be working in it.
        """
        self.check_place()
        # Of this folder's own files alone, which a killed run may have been writing.
        remove_leftovers(self.path, [_RECORD, *self._written_names()])
        record = {
            "longest": self.longest,
            "quality": self.quality,
            "labels": self._digest(self.files.labels),
            **{csv.name: self._digest(csv) for csv in self.csv_paths},
            "photos": self.files.images_dir.name,
        }
        if (self.path / _RECORD).exists():
            self._check(record, read_json_object(self.path / _RECORD))
        elif self.path.exists() and any(
            not path.name.startswith(LOCK_NAME) for path in self.path.iterdir()
        ):
            raise ValueError(
                f"--out {self.path} is not empty and was not begun by this command. Give a new folder for the copy."
            )
        write_text(self.path / _RECORD, json.dumps(record, indent=1))
        for folder in self._photo_folders():
            folder.mkdir(exist_ok=True)
            remove_leftovers(
                folder
            )  # of a photo that was being written when the last run was killed
        if self.files.labels:
            # Not in place: killed half-way, a copy that was complete would have lost its labels.
            with atomic_path(self.path / self.files.labels.name) as temporary:
                shutil.copyfile(self.files.labels, temporary)

    def place_of(self, photo):
        """Where the copy of a photo (Path) belongs."""
        return self.path / photo.parent.name / photo.name

    def has(self, photo):
        """Whether a photo's copy is there, and not older than the photo."""
        copy = self.place_of(photo)
        return copy.exists() and copy.stat().st_mtime >= photo.stat().st_mtime

    def check_space(self, photos):
        """Raise OSError if the copies of these photos, and the CSVs, will hardly fit on the disk. Looks at a few of them."""
        todo = [photo for photo in photos if not self.has(photo)]
        sizes = [
            size for size in map(self._size_of_copy, todo[:: -(-len(todo) // _SAMPLE) or 1]) if size
        ]
        rows = sum(csv.stat().st_size for csv in self.csv_paths)  # a smaller mask has fewer runs
        needed = rows + _MARGIN * len(todo) * (np.mean(sizes) if sizes else 0)
        free = shutil.disk_usage(self.path).free
        if needed > free:
            raise OSError(
                f"The copy will take about {size_text(needed)} more, and {self.path} has {size_text(free)} left. Free some, give "
                "another --out, or a smaller --longest or --quality."
            )

    def sizes(self, photos):
        """Bytes of the photos that have a copy and of their copies, of the CSVs and of theirs: 4 ints."""
        photos = [photo for photo in photos if self.place_of(photo).exists()]
        both = [
            (photos, map(self.place_of, photos)),
            (self.csv_paths, [self.path / csv.name for csv in self.csv_paths]),
        ]
        return [sum(path.stat().st_size for path in paths) for pair in both for paths in pair]

    def _written_names(self):
        return [path.name for path in (*self.csv_paths, self.files.labels) if path]

    def _photo_folders(self):
        return [
            self.path / folder.name
            for folder in (self.files.images_dir, self.files.test_images_dir)
            if folder
        ]

    def _check(self, record, begun):
        others = sorted(
            key for key in record.keys() | begun.keys() if record.get(key) != begun.get(key)
        )
        if others:
            asked = ", ".join(
                f"{key} was {begun.get(key)} and is {record[key]}"
                if key in ("longest", "quality")
                else f"{key} has changed"
                for key in others
            )
            raise ValueError(
                f"The copy in {self.path} was begun otherwise: {asked}. Ask for the same again, give another --out, or remove "
                "that folder."
            )

    def _size_of_copy(self, photo):
        try:
            return len(encode_copy(photo, self.longest, self.quality))
        except OSError:  # it will be named when its turn comes
            return 0

    @staticmethod
    def _digest(path):
        if path is None:
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def size_text(count):
    """Bytes for people: "1.4 GB"."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
