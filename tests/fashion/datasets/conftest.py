"""Tiny data folders in the layouts of 2019 and 2020, with masks whose pixels are known."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion.formats import rle

SIZE_HW = (20, 14)


@pytest.fixture
def ccp_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_CACHE_DIR", str(tmp_path / "cache"))
    folder = Path(__file__).resolve().parents[4] / "shared" / "data" / "ccp"
    if not folder.is_dir():
        pytest.skip("the CCP photos are not beside this repository (../shared/data/ccp)")
    return folder


def square(top, left, size, size_hw=SIZE_HW):
    mask = np.zeros(size_hw, bool)
    mask[top : top + size, left : left + size] = True
    return mask


def write_csv(path, rows, year):
    """rows: [image_id, mask or text, class_id, attribute ids]; Height and Width are SIZE_HW."""
    columns = ["ImageId", "EncodedPixels", "Height", "Width", "ClassId"] + ["AttributesIds"] * (
        year == 2020
    )
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for image_id, mask, class_id, attributes in rows:
            runs = mask if isinstance(mask, str) else rle.encode(mask)
            if year == 2019:
                row = [image_id, runs, *SIZE_HW, "_".join(map(str, [class_id, *attributes]))]
            else:
                row = [image_id, runs, *SIZE_HW, class_id, ",".join(map(str, attributes))]
            writer.writerow(row)
    return path


def rows_of(year):
    """Three images, the first one's rows not next to each other; masks at the first and the last
    pixel."""
    ending = ".jpg" if year == 2019 else ""
    high = 91 if year == 2019 else 340
    return [
        [f"a{ending}", square(0, 0, 5), 0, [3, high]],
        [f"b{ending}", square(18, 12, 2), 45, []],
        [f"a{ending}", square(4, 3, 8), 23, []],
        [f"c{ending}", square(0, 0, 20), 10, [0]],
        [f"b{ending}", square(2, 2, 3), 33, [7, 8, 9]],
    ]


def write_images(folder, names=("a", "b", "c"), size_hw=SIZE_HW):
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        Image.new("RGB", size_hw[::-1], (i, 2 * i, 3 * i)).save(folder / f"{name}.jpg")
    return folder


@pytest.fixture
def make_folder(tmp_path):
    """make_folder(year, rows=None) -> a data folder in Kaggle's layout."""

    def make(year, rows=None):
        folder = tmp_path / f"data{year}"
        write_images(folder / "train")
        write_csv(folder / "train.csv", rows_of(year) if rows is None else rows, year)
        return folder

    make.rows_of, make.square, make.write_csv, make.write_images = (
        rows_of,
        square,
        write_csv,
        write_images,
    )
    return make
