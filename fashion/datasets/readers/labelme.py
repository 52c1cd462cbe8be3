"""labelme: a folder with a JSON file for each photo.

    {"imagePath": "a.jpg", "imageHeight": 873, "imageWidth": 550,
     "shapes": [{"label", "points", "shape_type", "group_id", "mask"}]}

Polygons, rectangles, circles and masks have an area; shapes of one label and group_id are one
object. A photo beside the JSON files that has none is not read: it may not be annotated yet.
"""

import base64
import binascii
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fashion.datasets.readers.base import (
    FindPhoto,
    JsonFolderReader,
    Part,
    Parts,
    Photo,
    Shape,
    numbered_labels,
    part_of_name,
    rectangle,
)
from fashion.formats.rle import encode, to_coco
from fashion.labels.ontology import Ontology
from mrcnn.data.image_io import MAX_PIXELS
from mrcnn.data.masks.rle import RLEMasks
from mrcnn.data.record_checks import as_integer, is_number, preview
from mrcnn.data.via_files import CIRCLE_CORNERS
from mrcnn.json_files import read_json
from mrcnn.typing import Size, override


class LabelmeReader(JsonFolderReader):
    """labelme."""

    name = "labelme"
    title = "folder of labelme's JSON files"
    unit = "shape"
    names_only = True

    @override
    def has_own_keys(self, keys: set[str]) -> bool:
        return "shapes" in keys and bool(keys & {"imagePath", "imageData", "imageHeight"})

    @override
    def find(self, path: Path, images: Sequence[Path]) -> Parts | None:
        if path.is_file():
            return None
        if self.holds(path):
            return Parts(train=self.part(path, images))
        found = {}
        for folder in sorted(inside for inside in path.iterdir() if inside.is_dir()):
            name = part_of_name(folder.name)
            if name is None and folder.name.lower() in ("annotations", "labels", "json", "jsons"):
                name = "train"
            if name and name not in found and self.holds(folder):
                found[name] = self.part(folder, images)
        return Parts.of(found)

    @override
    def load(self, part: Part) -> Any:
        contents = []
        for file in self.files(part):
            content = read_json(file, "a file of labelme")
            if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
                raise ValueError(
                    f"{file} has no list of shapes. Expected a file of labelme, like the others in "
                    f"{part.annotations}."
                )
            contents.append((file, content))
        return contents

    @override
    def labels(self, part: Part, content: Any) -> Ontology:
        names = set()
        for _, file in content:
            for shape in file["shapes"]:
                label = shape.get("label") if isinstance(shape, dict) else None
                if isinstance(label, str) and label.strip():
                    names.add(label.strip())
        return numbered_labels(sorted(names))

    @override
    def photos(self, part: Part, content: Any, find: FindPhoto) -> Iterator[Photo]:
        labels = self.labels(part, content)
        number_of = dict(zip(labels.category_names, labels.category_ids))
        place = 0
        for number, (file, row) in enumerate(content):
            photo = _photo(file, row, find)
            photo.place = number
            groups: dict[Any, Shape] = {}
            for entry in row["shapes"]:
                place += 1
                shape, group = _shape(place, entry, number_of, photo.size_hw)
                if group is not None and group in groups and not shape.fault:
                    _join(groups[group], shape, photo.size_hw)
                    continue
                if group is not None and not shape.fault:
                    groups[group] = shape
                photo.shapes.append(shape)
            yield photo


def _photo(file: Path, row: dict[str, Any], find: FindPhoto) -> Photo:
    """The photo of a file; labelme notes a path that may be of another computer."""
    noted = row.get("imagePath")
    names = [file.stem]
    if isinstance(noted, str) and noted.strip():
        inside = noted.replace("\\", "/")
        names = [inside.rpartition("/")[2], file.stem]
        if "/" in inside and not inside.startswith("/") and ".." not in inside.split("/"):
            names.insert(0, inside)
    found = [(name, path) for name in names if (path := find(name)) is not None]
    name, path = found[0] if found else (names[0], None)
    size = [as_integer(row.get(key)) for key in ("imageHeight", "imageWidth")]
    height, width = size
    photo = Photo(name if path is None else path.name if "/" not in name else name, None, [])
    if height and width and min(height, width) > 0 and height * width <= MAX_PIXELS:
        photo.size_hw = height, width
    else:
        photo.measure(path)
    return photo


def _shape(
    place: int, row: Any, number_of: dict[str, int], size_hw: Size | None
) -> tuple[Shape, Any]:
    """A shape, and the key of its group if it has one."""
    shape = Shape(place, 0, None)
    if not isinstance(row, dict):
        shape.fault = f"it is {preview(row)}; expected an object"
        return shape, None
    label = row.get("label")
    if not isinstance(label, str) or not label.strip():
        shape.fault = f"its label is {preview(label)}; expected the name of a category"
        return shape, None
    shape.category = number_of[label.strip()]
    try:
        shape.segmentation = _segmentation(row, size_hw)
    except (ValueError, OSError) as error:
        shape.fault = str(error)
    group = row.get("group_id")
    return shape, None if group is None else (label.strip(), str(group))


def _segmentation(row: dict[str, Any], size_hw: Size | None) -> Any:
    kind, points = row.get("shape_type", "polygon"), row.get("points")
    if not isinstance(points, list) or not all(
        isinstance(point, list) and len(point) == 2 and all(map(is_number, point))
        for point in points
    ):
        raise ValueError(f"its points are {preview(points)}; expected a list of [x, y]")
    if kind in ("polygon", None):
        return [[n for point in points for n in point]]
    if kind in ("rectangle", "circle", "mask") and len(points) != 2:
        raise ValueError(f"a {kind} has {len(points)} points; expected 2")
    if kind == "rectangle":
        (x1, y1), (x2, y2) = points
        return rectangle(min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1))
    if kind == "circle":
        (x, y), (edge_x, edge_y) = points
        radius = math.hypot(edge_x - x, edge_y - y)
        angles = np.linspace(0, 2 * np.pi, CIRCLE_CORNERS, endpoint=False)
        outline = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)
        return [outline.ravel().tolist()]
    if kind == "mask":
        return _mask(row.get("mask"), points[0], size_hw)
    raise ValueError(f"a {kind} has no area; use polygon, rectangle, circle or mask")


def _mask(encoded: Any, corner: Sequence[float], size_hw: Size | None) -> Any:
    """A mask that is stored as a PNG of its box, as run lengths."""
    if size_hw is None:
        return None
    try:
        with Image.open(
            io.BytesIO(base64.b64decode(encoded, validate=True)), formats=["PNG"]
        ) as file:
            if file.size[0] * file.size[1] > MAX_PIXELS:
                raise ValueError("its mask is too large")
            window = np.asarray(file.convert("L")) > 0
    except (TypeError, binascii.Error, OSError, SyntaxError) as error:
        raise ValueError("its mask is not a PNG in base64, or is damaged") from error
    left, top = (int(round(n)) for n in corner)
    full = np.zeros(size_hw, bool)
    y, x = max(top, 0), max(left, 0)
    inside = window[y - top :, x - left :][: max(size_hw[0] - y, 0), : max(size_hw[1] - x, 0)]
    full[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return to_coco(encode(full), size_hw)


def _join(shape: Shape, more: Shape, size_hw: Size | None) -> None:
    """Adds a shape of the same group."""
    if isinstance(shape.segmentation, list) and isinstance(more.segmentation, list):
        shape.segmentation = shape.segmentation + more.segmentation
        return
    if size_hw is None:
        return
    both: Any = RLEMasks.from_coco([shape.segmentation, more.segmentation], size_hw).dense()
    shape.segmentation = to_coco(encode(both.any(axis=2)), size_hw)
