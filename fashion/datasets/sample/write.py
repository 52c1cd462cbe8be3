"""Writing the sample data set: images, CSV rows and labels in Kaggle's 2020 layout."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fashion.datasets.sample.scene import draw_scene
from fashion.formats.rle import encode
from fashion.labels.ontology import Ontology
from mrcnn.typing import PathLike, Size

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId", "AttributesIds")
DRAWING_VERSION = 2  # raise it when the drawings change: older folders are then replaced
_SPLITS = ("train", "val")
_RECORD = "sample.json"  # the arguments that a complete folder was made with


def make_sample(
    folder: PathLike, *, train: int = 800, val: int = 80, seed: int = 0, size_hw: Size = (288, 192)
) -> Path:
    """Draws images of dressed dolls into a folder, or reuses it if it holds exactly these.

    The folder gets images/<ImageId>.jpg, train.csv, val.csv (Kaggle 2020: run lengths down the
    columns, counted from 1) and label_descriptions.json, with the official ids of the categories
    and attributes that occur. It appears complete or not at all, and replaces a sample of other
    arguments or older drawings. Image i of a split depends on (seed, split, i) alone, not on the
    counts.

    Args:
        folder: Where to write.
        train: Number of training images.
        val: Number of validation images.
        seed: Another seed gives other images.
        size_hw: (height, width) of every image, pixels.

    Returns:
        The folder.

    Raises:
        FileExistsError: If the folder holds anything else.
        ValueError: If there is no image to draw, or images are smaller than 64 pixels.
    """
    folder = Path(folder)
    arguments = _checked(train, val, seed, size_hw)
    if _is_complete(folder, arguments):
        return folder
    if folder.exists() and not _may_give_way(folder):
        raise FileExistsError(
            f"{folder} holds something else than a sample data set. Delete it, or give another "
            "folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(unfinished, arguments)
        unfinished.chmod(0o755)  # mkdtemp's folders are closed to others
        # It is empty or an older sample; not every system renames onto a folder.
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(unfinished, folder)
    except OSError:
        # Another process may have been faster with the same sample.
        if not _is_complete(folder, arguments):
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _checked(train, val, seed, size_hw):
    if min(train, val) < 0 or train + val == 0:
        raise ValueError(f"A sample needs at least one picture. Got train={train}, val={val}.")
    if seed < 0:
        raise ValueError(f"seed must not be negative. Got {seed}.")
    if len(size_hw) != 2 or min(size_hw) < 64:
        raise ValueError(
            f"size_hw must be (height, width), each at least 64 pixels: in smaller pictures the "
            f"clothes cannot be distinguished. Got {size_hw}."
        )
    return {
        "train": int(train),
        "val": int(val),
        "seed": int(seed),
        "size_hw": [int(n) for n in size_hw],
        "drawing_version": DRAWING_VERSION,
    }


def _is_complete(folder, arguments):
    try:
        return json.loads((folder / _RECORD).read_text(encoding="utf-8")) == arguments
    except (OSError, ValueError):
        return False


def _may_give_way(folder):
    """Whether a folder is empty, or holds a sample, and perhaps index files, and nothing else."""
    ours = {"images", "label_descriptions.json", _RECORD, *(f"{split}.csv" for split in _SPLITS)}
    if not folder.is_dir():
        return False
    return {path.name for path in folder.iterdir() if path.suffix != ".index"} in (set(), ours)


def _write(folder, arguments):
    (folder / "images").mkdir()
    categories, attributes = set(), set()
    for number, split in enumerate(_SPLITS):

        def rows_of(index, number=number, split=split):
            rng = np.random.default_rng([arguments["seed"], number, index])
            return _write_image(
                folder / "images", f"{split}_{index:05d}", rng, tuple(arguments["size_hw"])
            )

        rows = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # cv2 releases the lock
            for of_image in pool.map(rows_of, range(arguments[split])):
                rows += of_image
        with open(folder / f"{split}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows((*row[:5], ",".join(map(str, row[5]))) for row in rows)
        categories.update(row[4] for row in rows)
        for row in rows:
            attributes.update(row[5])
    _write_json(folder / "label_descriptions.json", label_descriptions(categories, attributes))
    _write_json(folder / _RECORD, arguments)


def _write_image(images, image_id, rng, size_hw):
    """Writes one JPEG; returns its CSV rows, with the attribute ids still a list."""
    image, instances = draw_scene(rng, size_hw)
    quality = int(rng.integers(72, 96))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    (images / f"{image_id}.jpg").write_bytes(jpeg.tobytes())
    return [
        (image_id, encode(one.mask), *size_hw, one.category_id, one.attribute_ids)
        for one in instances
    ]


def label_descriptions(
    category_ids: Collection[int], attribute_ids: Collection[int]
) -> dict[str, Any]:
    """Makes the content of Kaggle's label_descriptions.json for some labels.

    Args:
        category_ids: Official ids of 2020.
        attribute_ids: Official ids of 2020.

    Returns:
        JSON. "attribute_category_ids", the categories that carry attributes, is an addition to the
        format.
    """
    official = Ontology.official(2020)
    categories = zip(
        official.category_ids, official.category_names, official.category_supercategories
    )
    attributes = zip(
        official.attribute_ids, official.attribute_names, official.attribute_supercategories
    )
    return {
        "categories": [
            {"id": i, "name": name, "supercategory": above, "level": 2}
            for i, name, above in categories
            if i in category_ids
        ],
        # Level 2 attributes (animal prints, kinds of leather) are not drawn.
        "attributes": [
            {"id": i, "name": name, "supercategory": above, "level": 1}
            for i, name, above in attributes
            if i in attribute_ids
        ],
        "attribute_category_ids": [i for i in official.attribute_category_ids if i in category_ids],
    }


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
