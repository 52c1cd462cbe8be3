"""COCO and Fashionpedia: annotations/instances_<part>.json with run lengths, and <part>/."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.writers.base import Writer
from mrcnn.files import remove_leftovers, write_text
from mrcnn.typing import override


class FashionpediaWriter(Writer):
    """COCO with attributes."""

    name = "fashionpedia"
    title = "COCO with attribute_ids, as Fashionpedia"
    keeps_attributes = True
    keeps_crowds = True
    keeps_ids = True
    file = "instances_attributes_{part}.json"

    @override
    def images_dir(self, part: str) -> Path:
        return Path(part)

    @override
    def write(
        self, out: Path, part: str, dataset: IMaterialistDataset, names: Sequence[str]
    ) -> None:
        content: dict[str, Any] = dataset.to_coco()
        for row, name in zip(content["images"], names, strict=True):
            row["id"] += 1  # ids from 1, as COCO's
            row["file_name"] = name
        for row in content["annotations"]:
            row["image_id"] += 1
            if not self.keeps_attributes:
                del row["attribute_ids"]
        if not self.keeps_attributes:
            del content["attributes"]
        (out / "annotations").mkdir(exist_ok=True)
        remove_leftovers(out / "annotations")
        write_text(out / "annotations" / self.file.format(part=part), json.dumps(content))


class CocoWriter(FashionpediaWriter):
    """COCO."""

    name = "coco"
    title = "COCO JSON with run lengths"
    keeps_attributes = False
    file = "instances_{part}.json"
