"""The table of readers, and the search for the one that reads a data set."""

from collections.abc import Sequence
from pathlib import Path

from fashion.datasets.readers.base import Format, Part, Parts, Reader
from fashion.datasets.readers.coco import CocoReader
from fashion.datasets.readers.deepfashion2 import DeepFashion2Reader
from fashion.datasets.readers.kaggle import KaggleFormat
from fashion.datasets.readers.labelme import LabelmeReader
from fashion.datasets.readers.via import ViaReader
from fashion.datasets.readers.yolo import YoloReader

# In the order in which they are tried: formats that one file name identifies come first.
FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        KaggleFormat(),
        YoloReader(),
        DeepFashion2Reader(),
        LabelmeReader(),
        ViaReader(),
        CocoReader(),
    )
}
# Formats that a reader of another name reads.
SAME = {"fashionpedia": "coco", "lvis": "coco"}


def format_of(name: str) -> Format:
    """Looks up a format.

    Args:
        name: Its name, for instance "coco".

    Returns:
        The format.

    Raises:
        ValueError: If there is none.
    """
    name = SAME.get(name, name)
    if name not in FORMATS:
        raise ValueError(
            f"There is no format {name!r}. Expected one of {', '.join([*FORMATS, *SAME])}."
        )
    return FORMATS[name]


def reader_of(part: Part) -> Reader:
    """Returns what reads a part that is not a CSV of Kaggle.

    Args:
        part: The part.

    Returns:
        The reader.
    """
    found = FORMATS[part.reader]
    assert isinstance(found, Reader)
    return found


def find_parts(path: Path, images: Sequence[Path] = (), name: str | None = None) -> Parts:
    """Finds out which format a data set has, and where its parts are.

    Args:
        path: A file or a folder.
        images: Folders of the photos, if they are named.
        name: Name of the format; None tries all.

    Returns:
        The parts.

    Raises:
        FileNotFoundError: If there is nothing that a reader knows; says what was looked for.
    """
    formats = [format_of(name)] if name else list(FORMATS.values())
    for format in formats:
        parts = format.find(path, images)
        if parts is not None:
            return parts
    titles = ", ".join(format.title for format in formats)
    raise FileNotFoundError(
        f"No annotations in {path}. Looked for: {titles}. {_contains(path)}".rstrip()
    )


def _contains(path: Path) -> str:
    if not path.is_dir():
        return "Is the file complete?"
    names = sorted(inside.name + "/" * inside.is_dir() for inside in path.iterdir())
    some = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
    return f"It contains: {some or 'nothing'}."
