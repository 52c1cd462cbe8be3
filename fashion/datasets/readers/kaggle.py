"""Kaggle's layout of 2019 and 2020: a CSV with run lengths, and a folder of photos.

`fashion.datasets.imaterialist` reads the CSV; here its files are found.
"""

from collections.abc import Sequence
from pathlib import Path

from fashion.datasets.readers.base import PARTS, Format, Part, Parts
from mrcnn.typing import override


class KaggleFormat(Format):
    """iMaterialist 2019 and 2020."""

    name = "kaggle"
    title = "folder with train.csv of Kaggle's iMaterialist"

    @override
    def find(self, path: Path, images: Sequence[Path]) -> Parts | None:
        if path.is_file():
            is_csv = path.suffix.lower() == ".csv"
            return Parts(train=Part(self.name, path, tuple(images))) if is_csv else None
        parts = {
            name: Part(self.name, path / f"{name}.csv", tuple(images))
            for name in PARTS
            if (path / f"{name}.csv").is_file()
        }
        return Parts(**parts) if "train" in parts else None
