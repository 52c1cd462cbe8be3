"""YOLO segmentation: data.yaml, images/<part>/ and labels/<part>/, a polygon for each object."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.writers.base import Writer, polygons_of
from fashion.labels.ontology import Ontology
from mrcnn.files import atomic_path, remove_leftovers, write_text
from mrcnn.typing import override


class YoloWriter(Writer):
    """YOLO segmentation."""

    name = "yolo"
    title = "data.yaml, images/ and labels/ of YOLO segmentation"
    turned = True

    @override
    def images_dir(self, part: str) -> Path:
        return Path("images") / part

    @override
    def write(
        self, out: Path, part: str, dataset: IMaterialistDataset, names: Sequence[str]
    ) -> None:
        folder = out / "labels" / part
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        for image_id in tqdm(dataset.image_ids.tolist(), unit="image", desc=f"labels/{part}"):
            file = folder / f"{Path(names[image_id]).stem}.txt"
            if file.exists():  # of a run that was killed
                continue
            with atomic_path(file, synced=False) as temporary:
                temporary.write_text("".join(_lines(dataset, image_id)), encoding="utf-8")

    @override
    def finish(self, out: Path, parts: Iterable[str], ontology: Ontology) -> None:
        lines = ["path: .", *(f"{part}: images/{part}" for part in parts), "names:"]
        # A text in JSON is one in YAML.
        names = enumerate(ontology.category_names)
        lines += [f"  {i}: {json.dumps(name, ensure_ascii=False)}" for i, name in names]
        write_text(out / "data.yaml", "\n".join(lines) + "\n")


def _lines(dataset: IMaterialistDataset, image_id: int) -> Iterable[str]:
    height, width = dataset.image_hw(image_id)
    for class_id, polygon in polygons_of(dataset, image_id):
        # Ten digits: pixel corners come back exactly from shares of the photo.
        shares = (polygon / [width, height]).ravel().tolist()
        yield f"{class_id - 1} {' '.join(f'{share:.10g}' for share in shares)}\n"
