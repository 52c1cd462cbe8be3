"""VGG Image Annotator, versions 1 and 2: one JSON file with the regions of many photos.

The category is a region attribute: that called category, class, label, name or type, or the only
one there is. Regions without attributes are all of one category, "object".
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
    keys_of,
    numbered_labels,
    part_of_name,
)
from fashion.labels.ontology import Ontology
from mrcnn.data.record_checks import preview
from mrcnn.data.via_files import outline_of, read_via
from mrcnn.typing import override

_NAMES = ("category", "class", "label", "name", "type")  # of the attribute with the category
_ONLY = "object"


class ViaReader(Reader):
    """VIA 1 and 2."""

    name = "via"
    title = "JSON of VGG Image Annotator (VIA)"
    unit = "region"
    names_only = True

    @override
    def find(self, path: Path, images: Sequence[Path]) -> Parts | None:
        if path.is_file():
            return Parts(train=self.part(path, images)) if _is_via(path) else None
        found: dict[str, Part] = {}
        inside = [folder for folder in sorted(path.iterdir()) if folder.is_dir()]
        for folder in [path, *inside]:
            name = "train" if folder == path else part_of_name(folder.name)
            if name is None:
                continue
            for file in sorted(folder.glob("*.json"))[:64]:
                if not _is_via(file):
                    continue
                own = part_of_name(file.stem) or name
                if own in found:
                    raise ValueError(
                        f"{path} has several VIA files for {own}: "
                        f"{found[own].annotations.name} and {file.name}. Name the file: "
                        "--data FILE, and --val FILE for validation."
                    )
                found[own] = self.part(file, images)
        return Parts.of(found)

    @override
    def load(self, part: Part) -> Any:
        content = read_via(part.annotations)
        return content, _category_attribute(part.annotations, content)

    @override
    def labels(self, part: Part, content: Any) -> Ontology:
        photos, attribute = content
        names = {_category(region, attribute) for _, regions in photos for region in regions}
        return numbered_labels(sorted(name for name in names if name is not None))

    @override
    def photos(self, part: Part, content: Any, find: FindPhoto) -> Iterator[Photo]:
        photos, attribute = content
        labels = self.labels(part, content)
        number_of = dict(zip(labels.category_names, labels.category_ids))
        place = 0
        for number, (name, regions) in enumerate(photos):
            photo = Photo(name, None, [], place=number)
            outlines = []
            for region in regions:
                place += 1
                category = _category(region, attribute)
                shape = Shape(place, number_of.get(category or "", 0), None)
                try:
                    points = outline_of(region["shape_attributes"])
                    outlines.append(points)
                    shape.segmentation = [points]
                except ValueError as error:
                    shape.fault = str(error)
                if category is None:
                    shape.fault = f"it has no {attribute}, the region attribute of the category"
                photo.shapes.append(shape)
            if not isinstance(name, str) or not name.strip():
                photo.name, photo.fault = "?", f"the filename is {preview(name)}"
                yield photo
                continue
            photo.measure(find(name), outlines)
            yield photo


def _is_via(path: Path) -> bool:
    keys = keys_of(path)
    return "_via_img_metadata" in keys or {"filename", "regions"} <= keys


def _attributes(region: dict[str, Any]) -> dict[str, Any]:
    found = region.get("region_attributes")
    return found if isinstance(found, dict) else {}


def _category_attribute(path: Path, photos: Sequence[tuple[str, list[dict[str, Any]]]]) -> str:
    """The region attribute that holds the category; "" if no region has attributes."""
    names: dict[str, None] = {}
    for _, regions in photos:
        for region in regions:
            names |= dict.fromkeys(_attributes(region))
    by_lower = {name.strip().lower(): name for name in names}
    for name in _NAMES:
        if name in by_lower:
            return by_lower[name]
    if len(names) > 1:
        raise ValueError(
            f"{path} has the region attributes {', '.join(names)}. Expected one that holds the "
            f"category, called {', '.join(_NAMES[:-1])} or {_NAMES[-1]}: rename it in VIA."
        )
    return next(iter(names), "")


def _category(region: dict[str, Any], attribute: str) -> str | None:
    """The category of a region, None if it lacks the attribute."""
    if not attribute:
        return _ONLY
    value = _attributes(region).get(attribute)
    if isinstance(value, dict):  # checkboxes: {"shirt": true}
        chosen = [name for name, is_chosen in value.items() if is_chosen]
        value = chosen[0] if len(chosen) == 1 else None
    return value.strip() or None if isinstance(value, str) else None
