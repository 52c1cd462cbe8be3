"""Kaggle's layout: train.csv and perhaps val.csv and test.csv, images/, label_descriptions.json."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.resized_copy import header
from fashion.datasets.writers.base import Writer
from fashion.labels.ontology import Ontology
from mrcnn.files import atomic_path, write_text
from mrcnn.typing import override


class KaggleWriter(Writer):
    """iMaterialist 2020, or 2019.

    Args:
        year: 2019 or 2020.
    """

    name = "kaggle"
    title = "train.csv, images/ and label_descriptions.json of iMaterialist 2020"
    keeps_attributes = True
    keeps_ids = True

    def __init__(self, year: int = 2020) -> None:
        self.year = year

    @override
    def images_dir(self, part: str) -> Path:
        return Path("images")

    @override
    def write(
        self, out: Path, part: str, dataset: IMaterialistDataset, names: Sequence[str]
    ) -> None:
        with (
            atomic_path(out / f"{part}.csv") as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header(self.year))
            for image_id in tqdm(dataset.image_ids.tolist(), unit="image", desc=f"{part}.csv"):
                writer.writerows(self._rows(dataset, image_id, names[image_id]))

    def _rows(
        self, dataset: IMaterialistDataset, image_id: int, name: str
    ) -> Iterable[Sequence[object]]:
        height, width = dataset.image_hw(image_id)
        shown = name if self.year == 2019 else Path(name).stem
        rows, ontology = dataset.annotations, dataset.ontology
        texts = dataset.runs(image_id)
        if not texts:  # one row says that there are no objects
            yield [shown, "", height, width, *[""] * (len(header(self.year)) - 4)]
        for row, runs in zip(rows.rows_of(image_id), texts):
            category = ontology.category_id_of(int(rows.class_ids[row]))
            attributes = [ontology.attribute_ids[i] for i in dataset.attribute_indices(row)]
            labels = [category, ",".join(map(str, attributes))]
            if self.year == 2019:
                labels = ["_".join(map(str, [category, *attributes]))]
            yield [shown, runs, height, width, *labels]

    @override
    def finish(self, out: Path, parts: Iterable[str], ontology: Ontology) -> None:
        labels = {kind: rows for kind, rows in ontology.to_coco().items()}
        about = labels | {"attribute_category_ids": list(ontology.attribute_category_ids)}
        write_text(out / "label_descriptions.json", json.dumps(about, indent=1))


class Kaggle2019Writer(KaggleWriter):
    """iMaterialist 2019: attributes stand in ClassId."""

    name = "kaggle2019"
    title = "the same of iMaterialist 2019"

    def __init__(self) -> None:
        super().__init__(2019)
