"""Data files: where the annotations and the photos of a data set are, whatever its format.

A folder in Kaggle's layout has one of these forms; `fashion.datasets.readers` knows the others.

Kaggle                                    with images/
  train.csv  label_descriptions.json        train.csv  [val.csv]  [label_descriptions.json]
  train/*.jpg   [test/*.jpg]                images/*.jpg   [test/*.jpg]
"""

import dataclasses
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from fashion.datasets.readers.base import Part, Parts
from fashion.formats.csv_table import read_header, year_of_header
from fashion.labels.ontology import Ontology
from mrcnn.data.image_io import EXTENSIONS
from mrcnn.typing import PathLike

log = logging.getLogger(__name__)

# Folders beside a CSV for validation that may hold its photos.
_VAL_IMAGES = ("val", "train", "images")
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
    """The paths of one data set; None for what it does not have.

    Attributes:
        folder: The folder, or that of the file that was named.
        train_csv: Annotations: a CSV, or whatever `train` says.
        val_csv: Annotations of the validation images, if these are in a file of their own.
        images_dir: Images of `train_csv` and `val_csv`; of other formats the first folder that is
            searched.
        test_images_dir: Images without annotations.
        labels: The folder's label_descriptions.json.
        year: 2019 or 2020, by the columns of `train_csv`; 2020 for other formats.
        train_part: Set for other formats than Kaggle's, see `train`.
        val_part: The same of `val`.
        test_part: The same of `test`.
        path: What `open_data` was given, if not the folder.
        images: Folder of photos that it was given.
        val_path: Annotations for validation that it was given.
    """

    folder: Path
    train_csv: Path
    val_csv: Path | None
    images_dir: Path
    test_images_dir: Path | None
    labels: Path | None
    year: int
    train_part: Part | None = None
    val_part: Part | None = None
    test_part: Part | None = None
    path: Path | None = None
    images: Path | None = None
    val_path: Path | None = None

    @property
    def train(self) -> Part:
        """What is trained on, before anything is held out."""
        return self.train_part or self._kaggle(self.train_csv)

    @property
    def val(self) -> Part | None:
        """What is validated on, if that is apart from `train`."""
        return self.val_part or (self._kaggle(self.val_csv) if self.val_csv else None)

    @property
    def test(self) -> Part | None:
        """What is kept for the last score, if that is apart from `train`."""
        return self.test_part

    @property
    def parts(self) -> list[Part]:
        """All parts that there are, `train` first."""
        return [part for part in (self.train, self.val, self.test) if part]

    @property
    def has_names(self) -> bool:
        """Whether annotations have names of categories, not ids alone as Kaggle's CSV."""
        return self.train.reader != "kaggle"

    def _kaggle(self, csv_path: Path) -> Part:
        return Part("kaggle", csv_path, (self.images_dir,))

    def source(self) -> Path:
        """Returns what a later command must be given to open the same data.

        Returns:
            The folder, or the file that was named.
        """
        return self.path or self.folder

    def noted(self) -> dict[str, str | None]:
        """Describes the data set for config.json of a run.

        Returns:
            The arguments of `open_data`, as absolute paths: "data", and "images" and "val", None
            if they were not given.
        """
        given = {"data": self.source(), "images": self.images, "val": self.val_path}
        return {name: None if path is None else str(path.resolve()) for name, path in given.items()}

    def ontology(self) -> Ontology:
        """Reads the labels of the data set.

        Returns:
            Those of its label file, or of the annotations if their format has names. The official
            list of the year for a CSV without a label file.
        """
        if self.has_names:
            # Not at the top: command lines are parsed without what reads masks.
            from fashion.datasets.annotated import labels_of_parts

            return labels_of_parts([part for part in self.parts if part.reader != "kaggle"])
        return Ontology.from_file(self.labels) if self.labels else Ontology.official(self.year)


def open_data(
    path: PathLike,
    images: PathLike | None = None,
    val: PathLike | None = None,
    reader: str | None = None,
) -> DataFiles:
    """Finds the annotations and photos of a data set of any format.

    Args:
        path: A folder or a file; `~` is the home directory. `fashion.datasets.readers` lists the
            formats.
        images: Folder of the photos; None looks for it near the annotations.
        val: Annotations for validation, a folder or a file; None takes those of `path`, if it has
            some.
        reader: Name of the format; None finds it out.

    Returns:
        Where everything is.

    Raises:
        FileNotFoundError: If there is nothing that a reader knows; says what was looked for.
        ValueError: If there is too much, for instance two files for training.
    """
    files = _opened(Path(path).expanduser(), images, val, reader)
    return dataclasses.replace(
        files,
        images=None if images is None else Path(images).expanduser(),
        val_path=None if val is None else Path(val).expanduser(),
    )


def _opened(
    path: Path, images: PathLike | None, val: PathLike | None, reader: str | None
) -> DataFiles:
    """Does what `open_data` does."""
    folders = [] if images is None else [Path(images).expanduser()]
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"There is no folder of photos {folder} (--images).")
    if not path.exists() or path.is_dir() and reader in (None, "kaggle") and _may_be_kaggle(path):
        return _with_val(_kaggle_files(path, folders), val, folders)
    parts = _find_parts(path, folders, reader)
    train = parts.train
    assert train is not None
    if train.reader == "kaggle":
        return _with_val(_kaggle_files(path, folders), val, folders)
    files = DataFiles(
        path if path.is_dir() else path.parent,
        train.annotations,
        parts.val.annotations if parts.val else None,
        train.images[0],
        None,
        None,
        2020,
        train,
        parts.val,
        parts.test,
        None if path.is_dir() else path,
    )
    return _with_val(files, val, folders)


def _find_parts(path: Path, folders: Sequence[Path] = (), reader: str | None = None) -> Parts:
    """`registry.find_parts`, which is imported when it is needed: see `DataFiles.ontology`."""
    from fashion.datasets.readers.registry import find_parts

    return find_parts(path, folders, reader)


def _may_be_kaggle(path: Path) -> bool:
    """Whether a folder is Kaggle's, or nothing else: then the errors are about train.csv."""
    if (path / "train.csv").is_file():
        return True
    try:
        return _find_parts(path).train is None
    except FileNotFoundError:
        return True
    except ValueError:
        return False


def _kaggle_files(path: Path, folders: Sequence[Path]) -> DataFiles:
    """The files of a folder in Kaggle's layout, or of one CSV."""
    if path.is_file() and path.suffix.lower() != ".csv":
        raise FileNotFoundError(f"{path} is not an annotation CSV.")
    if not path.is_file():
        files = find_data(path, folders[0] if folders else None)
        test = path / "test.csv"
        part = Part("kaggle", test, (files.images_dir,)) if test.is_file() else None
        return dataclasses.replace(files, test_part=part)
    images_dir = folders[0] if folders else _folder_with_images(path.parent, ("train", "images"))
    if images_dir is None:
        raise FileNotFoundError(
            f"No photos near {path}: looked in train/ and images/ next to it. Name the folder: "
            "--images DIR."
        )
    labels = _existing(path.parent / "label_descriptions.json")
    return DataFiles(path.parent, path, None, images_dir, None, labels, year_of(path), path=path)


def _with_val(files: DataFiles, val: PathLike | None, folders: Sequence[Path]) -> DataFiles:
    """The files with another part for validation."""
    if val is None:
        return files
    path = Path(val).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path} (--val).")
    if path.is_file() and path.suffix.lower() == ".csv":
        near = folders[0] if folders else _folder_with_images(path.parent, _VAL_IMAGES)
        part = Part("kaggle", path, (near or files.images_dir,))
    else:
        parts = _find_parts(path, folders)
        found = parts.val or parts.train
        assert found is not None
        part = found
    if part.reader != "kaggle" and not folders and files.train.reader == part.reader:
        # Both files may lie apart from their photos, and one folder has all of these.
        more = [folder for folder in files.train.images if folder not in part.images]
        part = dataclasses.replace(part, images=(*part.images, *more))
    return dataclasses.replace(files, val_csv=part.annotations, val_part=part)


def find_data(folder: PathLike, images: PathLike | None = None) -> DataFiles:
    """Finds the files of a data folder in Kaggle's layout; see `open_data` for others.

    Args:
        folder: The folder; `~` is the home directory.
        images: Folder of the photos; None looks for it there.

    Returns:
        Their paths.

    Raises:
        FileNotFoundError: If something is missing; says what was looked for and what to do.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no data folder {folder}. Expected a folder with train.csv and the "
            "photos in train/ (Kaggle's layout) or images/, or a folder or file of another "
            "format: COCO or Fashionpedia JSON, VIA, labelme, YOLO's data.yaml, DeepFashion2."
        )
    train_csv = folder / "train.csv"
    if not train_csv.is_file():
        raise FileNotFoundError(
            f"No train.csv in {folder}, and no annotations of another format (COCO or Fashionpedia "
            "JSON, VIA, labelme, YOLO's data.yaml, DeepFashion2). "
            f"{_hint(folder, 'train.csv')}It contains: {_listing(folder)}."
        )
    images_dir = (
        _folder_with_images(folder, ("train", "images")) if images is None else Path(images)
    )
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
