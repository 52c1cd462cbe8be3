"""Writing the sample: pictures, CSV rows and labels, laid out as Kaggle's 2020 data."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from fashion.datasets.sample.scene import draw_scene
from fashion.formats.rle import encode
from fashion.labels.ontology import Ontology

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId", "AttributesIds")
DRAWING_VERSION = 2  # raise it when the drawings change: older folders are then not reused
_SPLITS = ("train", "val")
_RECORD = "sample.json"  # the arguments that a complete folder was made with


def make_sample(folder, *, train=800, val=80, seed=0, size_hw=(288, 192)):
    """Draw `train` + `val` pictures of dressed dolls into `folder`, or reuse it if it holds exactly these.

    folder:  images/<ImageId>.jpg, train.csv, val.csv (Kaggle 2020: column-major, 1-based runs), and
             label_descriptions.json with the official ids of the categories and attributes that occur.
    size_hw: of every picture.
    Returns the folder as a Path. Picture i of a split depends on (seed, split, i) only, not on the counts.
    The folder appears complete or not at all; a sample of other arguments or older drawings gives way to it.
    Raises FileExistsError if the folder holds anything else.
    """
    folder = Path(folder)
    arguments = _checked(train, val, seed, size_hw)
    if _is_complete(folder, arguments):
        return folder
    if folder.exists() and not _may_give_way(folder):
        raise FileExistsError(
            f"{folder} holds something else than a sample data set. Delete it, or give another folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(unfinished, arguments)
        unfinished.chmod(0o755)  # mkdtemp's folders are closed to others
        shutil.rmtree(
            folder, ignore_errors=True
        )  # empty or an older sample; not every system renames onto a folder
        os.rename(unfinished, folder)
    except OSError:
        if not _is_complete(
            folder, arguments
        ):  # else another process was faster with the same sample
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
            f"clothes cannot be told apart. Got {size_hw}."
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
    """Whether a folder is empty or holds a sample and nothing else but what was found out about it."""
    ours = {"images", "label_descriptions.json", _RECORD, *(f"{split}.csv" for split in _SPLITS)}
    return folder.is_dir() and {
        path.name for path in folder.iterdir() if path.suffix != ".index"
    } in (set(), ours)


def _write(folder, arguments):
    (folder / "images").mkdir()
    categories, attributes = set(), set()
    for number, split in enumerate(_SPLITS):

        def rows_of(index, number=number, split=split):
            rng = np.random.default_rng([arguments["seed"], number, index])
            return _write_picture(
                folder / "images", f"{split}_{index:05d}", rng, tuple(arguments["size_hw"])
            )

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # cv2 draws outside the interpreter lock
            rows = [row for rows in pool.map(rows_of, range(arguments[split])) for row in rows]
        with open(folder / f"{split}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows((*row[:5], ",".join(map(str, row[5]))) for row in rows)
        categories.update(row[4] for row in rows)
        attributes.update(i for row in rows for i in row[5])
    _write_json(folder / "label_descriptions.json", label_descriptions(categories, attributes))
    _write_json(folder / _RECORD, arguments)


def _write_picture(images, image_id, rng, size_hw):
    """Writes one JPEG; returns its CSV rows, with the attribute ids still a list."""
    picture, instances = draw_scene(rng, size_hw)
    quality = int(rng.integers(72, 96))
    _, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    (images / f"{image_id}.jpg").write_bytes(jpeg.tobytes())
    return [
        (image_id, encode(one.mask), *size_hw, one.category_id, one.attribute_ids)
        for one in instances
    ]


def label_descriptions(category_ids, attribute_ids):
    """Kaggle's label_descriptions.json, reduced to these official (2020) ids.

    `attribute_category_ids` is an addition to the format: which of the categories carry attributes.
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
