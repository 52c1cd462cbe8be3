"""VGG Image Annotator 2: via_region_data.json beside the photos of each part, with polygons."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.writers.base import Writer, polygons_of
from mrcnn.files import write_text
from mrcnn.typing import override


class ViaWriter(Writer):
    """VIA 2."""

    name = "via"
    title = "via_region_data.json of VGG Image Annotator"
    turned = True

    @override
    def images_dir(self, part: str) -> Path:
        return Path(part)

    @override
    def write(
        self, out: Path, part: str, dataset: IMaterialistDataset, names: Sequence[str]
    ) -> None:
        content: dict[str, Any] = {}
        for image_id in tqdm(dataset.image_ids.tolist(), unit="image", desc=f"VIA, {part}"):
            name = names[image_id]
            size = (out / self.images_dir(part) / name).stat().st_size
            content[f"{name}{size}"] = {
                "filename": name,
                "size": size,
                "regions": _regions(dataset, image_id),
                "file_attributes": {},
            }
        write_text(out / part / "via_region_data.json", json.dumps(content))


def _regions(dataset: IMaterialistDataset, image_id: int) -> list[dict[str, Any]]:
    regions = []
    for class_id, polygon in polygons_of(dataset, image_id):
        x, y = polygon.T.tolist()
        outline = {"name": "polygon", "all_points_x": x, "all_points_y": y}
        category = dataset.ontology.category_names[class_id - 1]
        regions.append({"shape_attributes": outline, "region_attributes": {"category": category}})
    return regions
