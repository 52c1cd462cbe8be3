"""What every reader of annotations has: parts of a data set, and photos with their objects."""

import abc
import dataclasses
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from fashion.labels.ontology import Ontology
from mrcnn.data.image_io import image_hw
from mrcnn.json_files import read_json
from mrcnn.typing import Size, override

PARTS = ("train", "val", "test")
_SNIFFED = 1 << 16  # bytes at the start of a JSON file that tell its format
_LARGEST_PARSED = 1 << 22  # bytes; a smaller file is parsed where its start does not tell
_LOOKED_AT = 5  # files of a folder that must be of a format


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a data set: annotations, and where their photos are.

    Attributes:
        reader: Name of the reader.
        annotations: The file, or the folder of the files.
        images: Folders that are searched for the photos, with their sub-folders.
        section: Which part of `annotations` it is, for files that describe several.
    """

    reader: str
    annotations: Path
    images: tuple[Path, ...]
    section: str = ""

    def __str__(self) -> str:
        return f"{self.annotations} ({self.section})" if self.section else str(self.annotations)


@dataclasses.dataclass(frozen=True)
class Parts:
    """The parts of a data set that a reader found; None for what there is not."""

    train: Part | None = None
    val: Part | None = None
    test: Part | None = None

    @classmethod
    def of(cls, found: dict[str, Part]) -> "Parts | None":
        """Arranges what a folder holds.

        Args:
            found: Parts by name.

        Returns:
            The parts, or None if there are none. Without training data the first part takes their
            place: a folder of validation data alone can be looked at and scored.
        """
        if not found:
            return None
        if "train" not in found:
            first = next(iter(found))
            found = {name: part for name, part in found.items() if name != first} | {
                "train": found[first]
            }
        return cls(**found)


@dataclasses.dataclass
class Shape:
    """An object as its file describes it.

    Attributes:
        place: Its number in the file, for errors.
        category: Id of its category in the file's labels.
        segmentation: COCO polygons or run lengths, in pixels of the photo.
        attributes: Ids in the file's labels.
        crowd: Whether it stands for several objects.
        fault: Why it cannot be used, or None.
        boxed: Whether only a box is known, which is taken for the mask.
    """

    place: int
    category: int
    segmentation: Any
    attributes: Sequence[int] = ()
    crowd: bool = False
    fault: str | None = None
    boxed: bool = False


@dataclasses.dataclass
class Photo:
    """A photo and its objects.

    Attributes:
        name: Its file name, perhaps with folders.
        size_hw: (height, width) of the annotations, pixels; None if there is no such photo.
        shapes: Its objects; none teaches background.
        looked_for: Ids of the categories that were looked for; None for all.
        fault: Why it cannot be used, or None.
        place: Its number in the file, for errors.
    """

    name: str
    size_hw: Size | None
    shapes: list[Shape]
    looked_for: Collection[int] | None = None
    fault: str | None = None
    place: int = 0

    def measure(self, path: Path | None, outlines: Sequence[Sequence[float]] | None = None) -> None:
        """Takes the size from the file, see `annotated_hw`; a file that is damaged is a fault.

        Args:
            path: The file; None if there is none.
            outlines: Polygons drawn on it, see `annotated_hw`.
        """
        try:
            self.size_hw = None if path is None else annotated_hw(path, outlines)
        except OSError as error:
            self.fault = str(error)


# Finds the file of a photo by its name, see `image_files.ImageFinder.find`.
FindPhoto = Callable[[str], Path | None]


class Format(abc.ABC):
    """Finds the annotations of one format.

    Attributes:
        name: What `--from` calls it.
        title: What it reads, for help pages and errors.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    def part(self, annotations: Path, images: Sequence[Path]) -> Part:
        """Describes annotations that are one part.

        Args:
            annotations: The file, or the folder of the files.
            images: Folders of the photos, if they are named.

        Returns:
            The part.
        """
        near = annotations if annotations.is_dir() else annotations.parent
        return Part(self.name, annotations, image_folders(near, images))

    @abc.abstractmethod
    def find(self, path: Path, images: Sequence[Path]) -> Parts | None:
        """Looks for annotations of this format.

        Args:
            path: A file or a folder.
            images: Folders of the photos, if they are named; empty to look for them.

        Returns:
            The parts, or None if `path` is something else.

        Raises:
            ValueError: If it is this format, and something is missing.
        """


class Reader(Format):
    """Reads the objects of one format as shapes.

    Attributes:
        unit: What `Shape.place` counts.
        names_only: Whether files name the categories of their objects and list no others: then
            the parts of a data set have the labels of all of them.
    """

    unit: ClassVar[str] = "annotation"
    names_only: ClassVar[bool] = False

    @abc.abstractmethod
    def labels(self, part: Part, content: Any) -> Ontology:
        """Returns the label list of a part.

        Args:
            part: The part.
            content: What `load` returned.

        Returns:
            The labels, with the file's own ids where it has some.
        """

    @abc.abstractmethod
    def load(self, part: Part) -> Any:
        """Reads the files of a part.

        Args:
            part: The part.

        Returns:
            Whatever `labels` and `photos` need.

        Raises:
            ValueError: If a file as a whole cannot be read.
        """

    @abc.abstractmethod
    def photos(self, part: Part, content: Any, find: FindPhoto) -> Iterator[Photo]:
        """Reads the photos of a part one by one.

        Args:
            part: The part.
            content: What `load` returned.
            find: Finds the file of a photo.

        Yields:
            The photos in the order of the file.
        """

    def files(self, part: Part) -> list[Path]:
        """Lists the files that a part is read from: if one changes, it is read again.

        Args:
            part: The part.

        Returns:
            The files.
        """
        return [part.annotations]


class JsonFolderReader(Reader):
    """Reads a folder with a JSON file for each photo."""

    @abc.abstractmethod
    def has_own_keys(self, keys: set[str]) -> bool:
        """Returns whether a file is of this format.

        Args:
            keys: See `keys_of`.

        Returns:
            Whether it has the keys of the format.
        """

    def holds(self, folder: Path) -> bool:
        """Returns whether the files of a folder are of this format.

        Args:
            folder: The folder; there may be none.

        Returns:
            Whether there are JSON files, and the first few are.
        """
        files = sorted(folder.glob("*.json"))[:_LOOKED_AT] if folder.is_dir() else []
        return bool(files) and all(self.has_own_keys(keys_of(file)) for file in files)

    @override
    def files(self, part: Part) -> list[Path]:
        return sorted(part.annotations.glob("*.json"))


def start_of(path: Path) -> str:
    """Reads the beginning of a text file, to tell its format.

    Args:
        path: The file.

    Returns:
        Up to 64 kB of it, without spaces; empty if it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(_SNIFFED).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""
    return re.sub(r"\s+", "", text)


def keys_of(path: Path) -> set[str]:
    """Returns which keys a JSON file has, from its beginning if it is large.

    Args:
        path: The file.

    Returns:
        Texts that stand before a colon; of a small file at its two outer levels.
    """
    if path.suffix.lower() != ".json" or not path.is_file():
        return set()
    text = start_of(path)
    keys = set(re.findall(r'"([^"\\]{1,100})":', text))
    if path.stat().st_size <= _SNIFFED or path.stat().st_size > _LARGEST_PARSED:
        return keys
    try:
        content = read_json(path)
    except ValueError:
        return keys
    return keys | set(content) if isinstance(content, dict) else keys


def part_of_name(name: str) -> str | None:
    """Tells from the name of a file or a folder which part it holds.

    Args:
        name: For instance "instances_val2017.json", "valid" or "my_test".

    Returns:
        "train", "val" or "test"; None if it does not say.
    """
    text = name.lower()
    for part, pattern in (
        ("train", r"train"),
        ("val", r"(?<![a-z])val(?:id|idation)?(?![a-z])"),
        ("test", r"(?<![a-z])test(?:ing)?(?![a-z])"),
    ):
        if re.search(pattern, text):
            return part
    return None


def rectangle(x: float, y: float, width: float, height: float) -> list[list[float]]:
    """Makes the polygons of a box.

    Args:
        x: Left edge, pixels.
        y: Upper edge, pixels.
        width: In pixels.
        height: In pixels.

    Returns:
        A list of one polygon.
    """
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def annotated_hw(path: Path, outlines: Sequence[Sequence[float]] | None = None) -> Size:
    """Returns the size of a photo as annotation programs show it: turned by EXIF.

    Args:
        path: The photo.
        outlines: Polygons drawn on it, x, y, x, y, …; if they fit only into the photo as it is
            stored, they were drawn by a program that ignores EXIF. None turns in any case.

    Returns:
        (height, width), pixels.

    Raises:
        OSError: If the photo cannot be read.
    """
    upright_hw = image_hw(path, upright=True)
    if outlines is None:
        return upright_hw
    stored_hw = image_hw(path)

    def fits(size_hw: Size) -> bool:
        return all(
            max(points[0::2], default=0) <= size_hw[1]
            and max(points[1::2], default=0) <= size_hw[0]
            for points in outlines
        )

    return upright_hw if fits(upright_hw) or not fits(stored_hw) else stored_hw


def numbered_labels(names: Sequence[str], first: int = 0) -> Ontology:
    """Makes a label list of names alone.

    Args:
        names: Names of categories, each once.
        first: Id of the first one.

    Returns:
        Categories with ids one after the other, without attributes.
    """
    rows = [[i, name, ""] for i, name in enumerate(names, start=first)]
    return Ontology.from_dict({"categories": rows, "attributes": [], "attribute_category_ids": []})


def image_folders(near: Path, images: Sequence[Path]) -> tuple[Path, ...]:
    """Chooses the folders where photos are looked for.

    Args:
        near: Folder of the annotations.
        images: Folders that were named.

    Returns:
        These, or the folder of the annotations; and the one above it, if the annotations have a
        folder of their own.
    """
    if images:
        return tuple(images)
    own = near.name.lower() in ("annotations", "annos", "labels", "json", "jsons")
    return (near.parent,) if own else (near,)
