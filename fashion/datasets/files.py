"""Data folder: where its files are, in Kaggle's own layout or with one folder of images.

Kaggle                                    with images/
  train.csv  label_descriptions.json        train.csv  [val.csv]  [label_descriptions.json]
  train/*.jpg   [test/*.jpg]                images/*.jpg   [test/*.jpg]
"""

import dataclasses
import logging
import os
from pathlib import Path

from fashion.formats.csv_table import read_header, year_of_header
from fashion.labels.ontology import Ontology
from mrcnn.data.image_io import EXTENSIONS
from mrcnn.typing import PathLike

log = logging.getLogger(__name__)

# Image formats that `read_image` does not read.
_OTHER_EXTENSIONS = (
    ".heic",
    ".heif",
    ".jxl",
    ".raw",
    ".dng",
    ".cr2",
    ".cr3",
    ".nef",
    ".arw",
    ".orf",
    ".rw2",
    ".psd",
    ".svg",
    ".eps",
)


@dataclasses.dataclass(frozen=True)
class DataFiles:
    """The paths of one data folder; None for what it does not have.

    Attributes:
        folder: The folder.
        train_csv: Annotations.
        val_csv: Annotations of the validation images, if these are in a file of their own.
        images_dir: Images of `train_csv` and `val_csv`.
        test_images_dir: Images without annotations.
        labels: The folder's label_descriptions.json.
        year: 2019 or 2020, by the columns of `train_csv`.
    """

    folder: Path
    train_csv: Path
    val_csv: Path | None
    images_dir: Path
    test_images_dir: Path | None
    labels: Path | None
    year: int

    def ontology(self) -> Ontology:
        """Reads the folder's label file.

        Returns:
            Its ontology, or the official list of the year if the folder has none.
        """
        return Ontology.from_file(self.labels) if self.labels else Ontology.official(self.year)


def find_data(folder: PathLike) -> DataFiles:
    """Finds the files of a data folder.

    Args:
        folder: The folder; `~` is the home directory.

    Returns:
        Their paths.

    Raises:
        FileNotFoundError: If something is missing; says what was looked for and what to do.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no data folder {folder}. Expected a folder with train.csv and the "
            "photos in train/ (Kaggle's layout) or images/."
        )
    train_csv = folder / "train.csv"
    if not train_csv.is_file():
        raise FileNotFoundError(
            f"No train.csv in {folder}. {_hint(folder, 'train.csv')}"
            f"It contains: {_listing(folder)}."
        )
    images_dir = _folder_with_images(folder, ("train", "images"))
    if images_dir is None:
        raise FileNotFoundError(
            f"No photos in {folder}: looked for photos (.jpg and other kinds) in train/ (Kaggle's "
            f"layout) and in images/. {_hint(folder, 'train')}It contains: {_listing(folder)}."
        )
    return DataFiles(
        folder,
        train_csv,
        _existing(folder / "val.csv"),
        images_dir,
        _folder_with_images(folder, ("test",)),
        _existing(folder / "label_descriptions.json"),
        year_of(train_csv),
    )


def year_of(csv_path: PathLike) -> int:
    """Tells the year of an annotation CSV by its columns.

    Args:
        csv_path: The file; an unreadable header counts as 2019, and the reader refuses it later.

    Returns:
        2020 if it has the column AttributesIds, otherwise 2019.
    """
    with open(csv_path, "rb") as file:
        return year_of_header(read_header(file))


def list_images(images_dir: PathLike) -> list[Path]:
    """Lists the image files of a folder; warns of image formats that are not read.

    Args:
        images_dir: The folder.

    Returns:
        The files, sorted.
    """
    with os.scandir(images_dir) as entries:
        files = [Path(entry.path) for entry in entries if not entry.is_dir()]
    others = sorted(path.name for path in files if path.suffix.lower() in _OTHER_EXTENSIONS)
    if others:
        log.warning(
            "Left out: %d file%s in %s, %s for one. That kind of image is not read; "
            "convert it to JPEG or PNG.",
            len(others),
            "s" * (len(others) != 1),
            images_dir,
            others[0],
        )
    return sorted(path for path in files if path.suffix.lower() in EXTENSIONS)


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _folder_with_images(folder: Path, names: tuple[str, ...]) -> Path | None:
    for name in names:
        inside = folder / name
        if inside.is_dir() and any(path.suffix.lower() in EXTENSIONS for path in inside.iterdir()):
            return inside
    return None


def _hint(folder: Path, name: str) -> str:
    """What most often helps if `name` is missing."""
    for packed in (f"{name}.zip", f"{name}.csv.zip"):
        if (folder / packed).is_file():
            return f"Unpack {packed} there first. "
    for inside in sorted(path for path in folder.iterdir() if path.is_dir()):
        if (inside / name).exists():
            return f"There is one in {inside}: is that the folder you mean? "
    for archive in sorted(folder.glob("*.zip")):
        return f"Perhaps it is in {archive.name}: unpack that there first. "
    return ""


def _listing(folder: Path) -> str:
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    return (", ".join(names[:10]) + (" …" if len(names) > 10 else "")) or "nothing"
