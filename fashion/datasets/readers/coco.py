"""COCO JSON, and what is built on it: Fashionpedia (attributes) and LVIS (what was looked for).

    {"images": [{"id", "file_name", "height", "width"}], "categories": [{"id", "name"}],
     "annotations": [{"id", "image_id", "category_id", "segmentation", "iscrowd",
                      "attribute_ids"}], "attributes": [{"id", "name"}]}

A segmentation is polygons or run lengths; without one the box is taken for the mask. A crowd is
neither an object nor background. LVIS lists for each image the categories that were looked for and
not found, and those of which not every object is marked: only the others count as background.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.datasets.readers.base import (
    FindPhoto,
    Part,
    Parts,
    Photo,
    Reader,
    Shape,
    keys_of,
    part_of_name,
    rectangle,
)
from fashion.labels.ontology import Ontology
from mrcnn.data.image_io import MAX_PIXELS, image_hw
from mrcnn.data.record_checks import Record, as_integer, preview
from mrcnn.evaluation.coco_truth import check_layout, checked_labels
from mrcnn.json_files import read_json
from mrcnn.typing import Size, override

log = logging.getLogger(__name__)

_EXPECTED = "COCO's layout: an object with images, annotations and categories"
# Files of COCO that describe something else than objects.
_OTHER_TASKS = ("captions", "person_keypoints", "stuff", "panoptic", "image_info", "densepose")


class CocoReader(Reader):
    """COCO, Fashionpedia and LVIS."""

    name = "coco"
    title = "COCO, Fashionpedia or LVIS JSON"

    @override
    def find(self, path: Path, images: Sequence[Path]) -> Parts | None:
        if path.is_file():
            if not _is_coco(path):
                return None
            return Parts(train=self.part(path, images))
        found: dict[str, list[Path]] = {}
        for file in _json_files(path):
            if _is_coco(file):
                name = part_of_name(file.stem) or part_of_name(file.parent.name) or "train"
                found.setdefault(name, []).append(file)
        for name, files in found.items():
            if len(files) > 1:
                raise ValueError(
                    f"{path} has several COCO files for {name}: "
                    f"{', '.join(file.name for file in files[:5])}. Name the file: --data FILE, "
                    "and --val FILE for validation."
                )
        parts = {name: self.part(files[0], images) for name, files in found.items()}
        return Parts.of(parts)

    @override
    def load(self, part: Part) -> Any:
        content = read_json(part.annotations, _EXPECTED)
        check_layout(content, str(part.annotations))
        return content

    @override
    def labels(self, part: Part, content: Any) -> Ontology:
        name = part.annotations.name
        labels = {"categories": checked_labels(content["categories"], name, "category")}
        listed = content.get("attributes")
        if listed is not None and not isinstance(listed, list):
            raise ValueError(
                f"{name} has the attributes {preview(listed)}. Expected a list of attributes, "
                "each with id and name."
            )
        labels["attributes"] = checked_labels(listed or (), name, "attribute")
        if not labels["categories"]:
            raise ValueError(f"{name} lists no categories. Expected {_EXPECTED}.")
        return Ontology.from_dict(labels)

    @override
    def photos(self, part: Part, content: Any, find: FindPhoto) -> Iterator[Photo]:
        of_image = _grouped(content["annotations"], content["images"])
        ids = Counter(
            str(row["id"])
            for row in content["annotations"]
            if isinstance(row, dict) and "id" in row
        )
        seen: set[str] = set()
        for number, row in enumerate(content["images"]):
            entry = Record(row, part.annotations.name, "image", number)
            photo = _photo(entry, find)
            shapes = of_image.pop(_key(row.get("id")), [])
            photo.shapes = [_shape(place, shape, photo, ids, seen) for place, shape in shapes]
            photo.looked_for = _looked_for(entry, photo.shapes)
            yield photo
        for key, shapes in of_image.items():
            places = [place for place, _ in shapes]
            fault = f"the file lists no image {key[1]}"
            yield Photo("?", None, [Shape(place, 0, None, fault=fault) for place in places])


def _is_coco(path: Path) -> bool:
    """Whether a JSON file looks like COCO's."""
    keys = keys_of(path)
    if {"shapes", "imagePath"} <= keys or "shape_attributes" in keys or "item1" in keys:
        return False
    of_rows = {"file_name", "image_id", "category_id", "supercategory", "coco_url"}
    return "images" in keys or bool(keys & {"annotations", "categories"} and keys & of_rows)


def _json_files(folder: Path) -> list[Path]:
    """JSON files of a folder, of its annotations/ and of the folders of its parts."""
    folders = [folder, folder / "annotations"]
    folders += [inside for inside in sorted(folder.iterdir()) if inside.is_dir()]
    files: dict[Path, None] = {}
    for inside in folders:
        if inside.is_dir() and (inside in folders[:2] or part_of_name(inside.name)):
            some = sorted(inside.glob("*.json"))
            if len(some) > 64:  # a file for each photo: another format
                continue
            files |= dict.fromkeys(some)
    listed = [
        file
        for file in files
        if not file.name.startswith(_OTHER_TASKS) and file.name != "label_descriptions.json"
    ]
    instances = [file for file in listed if file.name.startswith("instances")]
    return instances or listed


def _key(image_id: Any) -> tuple[str, Any]:
    """An image id as a key: 5 and 5.0 are the same, 5 and "5" are not."""
    number = as_integer(image_id)
    return ("number", number) if number is not None else ("text", str(image_id))


def _grouped(
    annotations: Sequence[Any], images: Sequence[Any]
) -> dict[tuple[str, Any], list[tuple[int, Any]]]:
    """(number from 1, annotation) of each image."""
    twice = [
        key
        for key, count in Counter(
            _key(row.get("id")) for row in images if isinstance(row, dict)
        ).items()
        if count > 1
    ]
    if twice:
        raise ValueError(
            f"{len(twice)} image ids occur more than once, for example {twice[0][1]}. Every image "
            "needs an id of its own."
        )
    of_image: dict[tuple[str, Any], list[tuple[int, Any]]] = {}
    for number, row in enumerate(annotations, start=1):
        image_id = row.get("image_id") if isinstance(row, dict) else None
        of_image.setdefault(_key(image_id), []).append((number, row))
    return of_image


def _photo(entry: Record, find: FindPhoto) -> Photo:
    row, number = entry.row, entry.place
    name = row.get("file_name")
    if not isinstance(name, str) and isinstance(row.get("coco_url"), str):  # LVIS
        name = "/".join(row["coco_url"].split("/")[-2:])
    if not isinstance(name, str) or not name.strip():
        fault = f"its file_name is {preview(name)}; expected the name of a photo"
        return Photo("?", None, [], fault=fault, place=number)
    size_hw, wrong = _size_of(entry, name, find)
    return Photo(name.replace("\\", "/"), size_hw, [], fault=wrong, place=number)


def _size_of(entry: Record, name: str, find: FindPhoto) -> tuple[Size | None, str | None]:
    """The size of a photo, of its file if the JSON does not tell; or what is wrong with it."""
    if not entry.has("height") and not entry.has("width"):
        path = find(name)
        try:
            return (None if path is None else image_hw(path)), None
        except OSError as error:
            return None, str(error)
    size = [as_integer(entry.row.get(key)) for key in ("height", "width")]
    height, width = size
    if height is None or width is None or min(height, width) < 1 or height * width > MAX_PIXELS:
        got = ", ".join(preview(entry.row.get(key)) for key in ("height", "width"))
        return None, (
            f"its height and width are {got}; expected whole numbers from 1, and at most "
            f"{MAX_PIXELS} pixels"
        )
    return (height, width), None


def _shape(number: int, row: Any, photo: Photo, ids: Mapping[str, int], seen: set[str]) -> Shape:
    """An annotation; `seen` collects the ids that occur more than once."""
    if not isinstance(row, dict):
        return Shape(number, 0, None, fault=f"it is {preview(row)}; expected an object")
    place = as_integer(row.get("id"))
    shape = Shape(number if place is None or place < 0 else place, 0, None)
    record = Record(row, "", "annotation", number, "it")
    if ids.get(str(row.get("id")), 0) > 1:
        if str(row["id"]) in seen:
            shape.fault = f"the id {preview(row['id'])} occurs more than once"
            return shape
        seen.add(str(row["id"]))
    try:
        shape.category = record.integer("category_id")
        if record.has("attribute_ids"):
            shape.attributes = record.ids("attribute_ids")
        crowd = as_integer(row.get("iscrowd") or 0)
        if crowd not in (0, 1):
            record.refuse("iscrowd", "0, or 1 for a crowd")
        shape.crowd = bool(crowd)
        shape.segmentation = row.get("segmentation")
        if not shape.segmentation:
            if not record.has("bbox"):
                record.refuse("segmentation", "polygons or run lengths")
            shape.segmentation, shape.boxed = rectangle(*record.box()), True
    except ValueError as error:
        shape.fault = str(error).rstrip(".")
    size_hw = photo.size_hw
    segmentation = shape.segmentation
    if shape.crowd and isinstance(segmentation, dict) and size_hw is not None:
        if segmentation.get("size") != list(size_hw):
            # A few crowds of COCO have another size: they are taken to be everywhere.
            pixels = size_hw[0] * size_hw[1]
            shape.segmentation = {"size": list(size_hw), "counts": [0, pixels]}
    return shape


def _looked_for(entry: Record, shapes: Sequence[Shape]) -> set[int] | None:
    """The categories whose absence in the photo means background; None for all."""
    if not entry.has("neg_category_ids") and not entry.has("not_exhaustive_category_ids"):
        return None
    found = {shape.category for shape in shapes}
    if entry.has("neg_category_ids"):
        found |= set(entry.ids("neg_category_ids"))
    if entry.has("not_exhaustive_category_ids"):
        found -= set(entry.ids("not_exhaustive_category_ids"))
    return found
