"""A folder with three photos, and ways to open what is written beside them."""

import json

import numpy as np
import pytest
from PIL import Image

from fashion.datasets import open_data
from fashion.datasets.splits import load_files

SIZE_HW = (20, 14)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, name in enumerate("abc"):
        Image.new("RGB", SIZE_HW[::-1], (i, 2 * i, 3 * i)).save(folder / f"{name}.jpg")
    return folder


@pytest.fixture
def square():
    mask = np.zeros(SIZE_HW, bool)
    mask[3:9, 2:8] = True
    return mask


@pytest.fixture
def opened():
    """opened(path, **options) -> the data set of the training part."""

    def load(path, skip_bad=False, **options):
        files = open_data(path, **options)
        return load_files(files, files.train, files.ontology(), skip_bad=skip_bad)

    return load


@pytest.fixture
def coco(tmp_path, photos):
    """coco(annotations, **more) -> a COCO file of the photos."""

    def write(annotations, name="instances.json", **more):
        images = [
            {"id": i, "file_name": f"{letter}.jpg", "height": 20, "width": 14}
            for i, letter in enumerate("abc", start=1)
        ]
        categories = [{"id": 5, "name": "shirt"}, {"id": 9, "name": "skirt"}]
        content = {"images": images, "categories": categories, "annotations": annotations} | more
        (tmp_path / name).write_text(json.dumps(content))
        return tmp_path / name

    return write
