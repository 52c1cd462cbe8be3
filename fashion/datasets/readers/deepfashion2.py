"""DeepFashion2: a JSON file for each photo, in annos/ beside image/.

{"source": "user", "pair_id": 1,
 "item1": {"category_id": 1, "category_name": "short sleeve top", "segmentation": [[x, y, …]]}}
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fashion.datasets.readers.base import (
    FindPhoto,
    Part,
    Parts,
    Photo,
    Reader,
    Shape,
    annotated_hw,
    keys_of,
    part_of_name,
)
from fashion.labels.ontology import Ontology
from mrcnn.data.record_checks import Record, preview
from mrcnn.json_files import read_json
from mrcnn.typing import override

CATEGORIES = (
    "short sleeve top",
    "long sleeve top",
    "short sleeve outwear",
    "long sleeve outwear",
    "vest",
    "sling",
    "shorts",
    "trousers",
    "skirt",
    "short sleeve dress",
    "long sleeve dress",
    "vest dress",
    "sling dress",
)
_LOOKED_AT = 5  # files of a folder that must look like DeepFashion2's


class DeepFashion2Reader(Reader):
    """DeepFashion2."""

    name = "deepfashion2"
    title = "annos/ and image/ of DeepFashion2"
    unit = "item"

    @override
    def find(self, path: Path, images: Sequence[Path]) -> Parts | None:
        if path.is_file():
            return None
        for folder in (path, path / "annos"):
            if folder.is_dir() and _has_items(folder):
                return Parts(train=self.part(folder, images))
        found = {}
        for folder in sorted(inside for inside in path.iterdir() if inside.is_dir()):
            name = part_of_name(folder.name)
            if name and name not in found and _has_items(folder / "annos"):
                found[name] = self.part(folder / "annos", images)
        return Parts.of(found)

    @override
    def files(self, part: Part) -> list[Path]:
        return sorted(part.annotations.glob("*.json"))

    @override
    def load(self, part: Part) -> Any:
        return self.files(part)

    @override
    def labels(self, part: Part, content: Any) -> Ontology:
        rows = [[i, name, ""] for i, name in enumerate(CATEGORIES, start=1)]
        return Ontology.from_dict(
            {"categories": rows, "attributes": [], "attribute_category_ids": []}
        )

    @override
    def photos(self, part: Part, content: Any, find: FindPhoto) -> Iterator[Photo]:
        place = 0
        for number, file in enumerate(content):
            path = find(file.stem)
            photo = Photo(file.stem if path is None else path.name, None, [], place=number)
            row = read_json(file, "a file of DeepFashion2")
            if not isinstance(row, dict):
                photo.fault = f"{file.name} is {preview(row)}; expected an object with items"
                row = {}
            for key in sorted(row):
                if key.startswith("item"):
                    place += 1
                    photo.shapes.append(_shape(place, row[key]))
            try:
                photo.size_hw = None if path is None else annotated_hw(path)
            except OSError as error:
                photo.fault = str(error)
            yield photo


def _has_items(folder: Path) -> bool:
    files = sorted(folder.glob("*.json"))[:_LOOKED_AT] if folder.is_dir() else []
    keys = [keys_of(file) for file in files]
    return bool(files) and all("item1" in found or {"source", "pair_id"} <= found for found in keys)


def _shape(place: int, row: Any) -> Shape:
    shape = Shape(place, 0, None)
    try:
        record = Record(row, "", "item", place, "it")
        shape.category = record.integer("category_id", least=1, most=len(CATEGORIES))
        if not isinstance(row.get("segmentation"), list):
            record.refuse("segmentation", "a list of polygons")
        shape.segmentation = row["segmentation"]
    except ValueError as error:
        shape.fault = str(error).rstrip(".")
    return shape
