"""DeepFashion2: a JSON file for each photo, in annos/ beside image/.

{"source": "user", "pair_id": 1,
 "item1": {"category_id": 1, "category_name": "short sleeve top", "segmentation": [[x, y, …]]}}
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fashion.datasets.readers.base import (
    FindPhoto,
    JsonFolderReader,
    Part,
    Parts,
    Photo,
    Shape,
    numbered_labels,
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


class DeepFashion2Reader(JsonFolderReader):
    """DeepFashion2."""

    name = "deepfashion2"
    title = "annos/ and image/ of DeepFashion2"
    unit = "item"

    @override
    def has_own_keys(self, keys: set[str]) -> bool:
        return "item1" in keys or {"source", "pair_id"} <= keys

    @override
    def find(self, path: Path, images: Sequence[Path]) -> Parts | None:
        if path.is_file():
            return None
        for folder in (path, path / "annos"):
            if self.holds(folder):
                return Parts(train=self.part(folder, images))
        found = {}
        for folder in sorted(inside for inside in path.iterdir() if inside.is_dir()):
            name = part_of_name(folder.name)
            if name and name not in found and self.holds(folder / "annos"):
                found[name] = self.part(folder / "annos", images)
        return Parts.of(found)

    @override
    def load(self, part: Part) -> Any:
        return self.files(part)

    @override
    def labels(self, part: Part, content: Any) -> Ontology:
        return numbered_labels(CATEGORIES, first=1)

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
            photo.measure(path)
            yield photo


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
