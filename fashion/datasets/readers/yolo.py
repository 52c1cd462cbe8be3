"""YOLO segmentation: data.yaml, and a text file of outlines for each photo.

    data.yaml   path: .   train: images/train   val: images/val   names: {0: shirt, 1: trousers}
    labels/train/a.txt   a line for each object: number of its class, then x y x y … in shares of
                         the width and the height of images/train/a.jpg, which EXIF may have turned

A part is a folder of photos, a text file that lists photos, or a list of these. A photo without a
text file, or with an empty one, has no objects. A line with four numbers after the class is a box.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fashion.datasets.readers.base import (
    PARTS,
    FindPhoto,
    Part,
    Parts,
    Photo,
    Reader,
    Shape,
    numbered_labels,
    rectangle,
)
from fashion.labels.ontology import Ontology
from mrcnn.data.image_io import EXTENSIONS
from mrcnn.data.record_checks import preview
from mrcnn.typing import Size, override

_YAML = (".yaml", ".yml")
_EXPECTED = (
    "a data.yaml of YOLO: names of the classes, and folders of photos for train and perhaps val "
    "and test"
)


class YoloReader(Reader):
    """YOLO segmentation."""

    name = "yolo"
    title = "data.yaml of YOLO segmentation"
    unit = "object"

    @override
    def find(self, path: Path, images: Sequence[Path]) -> Parts | None:
        if path.is_file():
            described = [path] if path.suffix.lower() in _YAML else []
        else:
            files = [file for end in _YAML for file in sorted(path.glob(f"*{end}"))]
            named = [file for file in files if file.stem in ("data", "dataset")]
            described = [file for file in named or files if _is_yolo(file)]
        if not described:
            return None
        if len(described) > 1:
            raise ValueError(
                f"{path} has several files like data.yaml: "
                f"{', '.join(file.name for file in described)}. Name one: --data FILE."
            )
        content = _read_yaml(described[0])
        parts = {}
        for name in PARTS:
            if content.get(name):
                folders = tuple(_places(described[0], content, name, images))
                parts[name] = Part(self.name, described[0], folders, name)
        if not parts:
            raise ValueError(f"{described[0]} names no photos. Expected {_EXPECTED}.")
        return Parts.of(parts)

    @override
    def files(self, part: Part) -> list[Path]:
        labels = [label_file(photo) for _, photo in _listed(part)]
        return [part.annotations, *(file for file in labels if file.is_file())]

    @override
    def load(self, part: Part) -> Any:
        return _read_yaml(part.annotations)

    @override
    def labels(self, part: Part, content: Any) -> Ontology:
        return numbered_labels(_names(part.annotations, content))

    @override
    def photos(self, part: Part, content: Any, find: FindPhoto) -> Iterator[Photo]:
        classes = len(_names(part.annotations, content))
        place = 0
        for number, (name, path) in enumerate(_listed(part)):
            photo = Photo(name, None, [], place=number)
            photo.measure(path)
            if photo.size_hw is None:
                yield photo
                continue
            file = label_file(path)
            lines = []
            if file.is_file():
                lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            for line in filter(str.strip, lines):
                place += 1
                photo.shapes.append(_shape(place, line, classes, photo.size_hw))
            yield photo


def label_file(photo: Path) -> Path:
    """Returns where the outlines of a photo are.

    Args:
        photo: The photo.

    Returns:
        Its path with the last folder `images` replaced by `labels`, and the extension .txt; beside
        the photo if no folder has that name.
    """
    folders = list(photo.parent.parts)
    for i in reversed(range(len(folders))):
        if folders[i] == "images":
            folders[i] = "labels"
            break
    return Path(*folders) / f"{photo.stem}.txt"


def _is_yolo(path: Path) -> bool:
    import yaml  # not at the top: only this format needs it

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return path.stem == "data"  # `_read_yaml` says what is wrong with it
    return isinstance(content, dict) and "names" in content


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml  # not at the top: only this format needs it

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = str(error).replace("\n", " ")[:200]
        raise ValueError(
            f"{path} cannot be read as YAML: {reason}. Expected {_EXPECTED}."
        ) from None
    if not isinstance(content, dict) or "names" not in content:
        raise ValueError(f"{path} has no names of classes. Expected {_EXPECTED}.")
    return content


def _names(path: Path, content: dict[str, Any]) -> list[str]:
    names = content["names"]
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise ValueError(
                f"{path} numbers its names {preview(list(names))}. Expected 0, 1, 2 and so on."
            )
        names = [names[i] for i in range(len(names))]
    if not isinstance(names, list) or not names:
        raise ValueError(f"{path} has the names {preview(names)}. Expected a list or 0: name, ….")
    return [str(name) for name in names]


def _places(
    path: Path, content: dict[str, Any], name: str, images: Sequence[Path]
) -> Iterator[Path]:
    """Folders and lists of photos of a part; paths of another computer are looked for here."""
    listed = content[name] if isinstance(content[name], list) else [content[name]]
    for place in listed:
        if not isinstance(place, str) or not place.strip():
            raise ValueError(f"{path}: {name} is {preview(place)}. Expected a folder of photos.")
        above = content.get("path")
        bases = [path.parent]
        if isinstance(above, str) and above.strip():
            bases.insert(0, path.parent / Path(above).expanduser())
        # Roboflow writes ../train/images for the folder beside data.yaml.
        inside = place[3:] if place.startswith("../") else place
        tried = [base / place for base in bases] + [path.parent / inside]
        tried += [folder / place for folder in images] + [folder / name for folder in images]
        found = next((folder for folder in tried if folder.exists()), None)
        if found is None:
            raise ValueError(
                f"{path} has {name}: {place}, and there is no {tried[0]}. Correct path: or "
                f"{name}:, or name the folder of the photos: --images DIR."
            )
        yield found.resolve() if ".." in found.parts else found


def _listed(part: Part) -> list[tuple[str, Path]]:
    """(name, path) of the photos of a part, sorted within a folder; names are unique."""
    photos: dict[str, Path] = {}
    for place in part.images:
        if place.is_dir():
            files = sorted(file for file in place.rglob("*") if file.suffix.lower() in EXTENSIONS)
            found = [(file.relative_to(place).as_posix(), file) for file in files]
        else:
            lines = place.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            found = []
            for line in filter(None, map(str.strip, lines)):
                file = place.parent / line
                if not file.exists() and (part.annotations.parent / line).exists():
                    file = part.annotations.parent / line
                found.append((file.name, file))
        for name, file in found:
            unique = name if name not in photos else f"{place.name}/{name}"
            photos.setdefault(unique, file)
    return list(photos.items())


def _shape(place: int, line: str, classes: int, size_hw: Size) -> Shape:
    shape = Shape(place, 0, None)
    words = line.split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        shape.fault = f"the line {line[:40]!r} holds other things than numbers"
        return shape
    if not (0 <= numbers[0] < classes and numbers[0].is_integer()):
        shape.fault = f"unknown class {words[0]}; data.yaml names {classes}"
        return shape
    shape.category = int(numbers[0])
    height, width = size_hw
    shares = numbers[1:]
    if any(not -1 <= share <= 2 for share in shares):
        shape.fault = "its coordinates are not shares of the photo, from 0 to 1"
    elif len(shares) == 4:
        x, y, w, h = shares
        shape.segmentation = rectangle(
            (x - w / 2) * width, (y - h / 2) * height, w * width, h * height
        )
        shape.boxed = True
    elif len(shares) < 6 or len(shares) % 2:
        shape.fault = (
            f"it has {len(shares)} numbers after its class; expected x y x y … of at least three "
            "points"
        )
    else:
        points = [share * (height if i % 2 else width) for i, share in enumerate(shares)]
        shape.segmentation = [points]
    return shape
