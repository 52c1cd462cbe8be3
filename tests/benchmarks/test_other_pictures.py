"""The benchmark of other pictures: its list, and pictures of a photo that is known."""

import collections
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage

from benchmarks import other_pictures

LIST = json.loads(other_pictures.LIST.read_text(encoding="utf-8"))


@pytest.fixture
def dataset():
    """Two photos of 40 x 20 pixels: a shirt above trousers; nothing."""
    masks = np.zeros((40, 20, 2), bool)
    masks[4:14, 5:15, 0] = masks[14:34, 5:15, 1] = True
    image = np.zeros((40, 20, 3), np.uint8)
    image[masks[:, :, 0]], image[masks[:, :, 1]] = (200, 0, 0), (0, 0, 200)
    photos = {
        0: (image, masks, np.array([3, 7])),
        1: (0 * image, masks[:, :, :0], np.zeros(0, int)),
    }
    return SimpleNamespace(
        image_info=[{"id": "a"}, {"id": "b"}],
        image_ids=np.arange(2),
        load_image=lambda i: photos[i][0],
        load_mask=lambda i: photos[i][1:],
    )


def made(dataset, **row):
    (picture,) = other_pictures.pictures([{"photo": "a", "turns": 0} | row], dataset)
    return picture


def test_the_list_has_pictures_of_each_kind_and_its_samples_exist():
    kinds = collections.Counter(row["kind"] for row in LIST)
    assert kinds["product"] == 90 and min(kinds.values()) >= 12 and len(kinds) == 6
    folder = Path(skimage.__file__).parent / "data"
    assert all((folder / row["file"]).exists() for row in LIST if row["kind"] == "sample")


def test_a_crop_keeps_what_is_visible_and_turns_it(dataset):
    upper = made(dataset, kind="upper", window=[0, 0, 15, 20])
    # One of the twenty lines of the trousers is too little.
    assert upper.class_ids.tolist() == [3] and upper.masks.boxes.tolist() == [[4, 5, 14, 15]]
    turned = made(dataset, kind="turned", window=[0, 0, 40, 20], turns=2)
    assert turned.masks.boxes.tolist() == [[26, 5, 36, 15], [6, 5, 26, 15]]
    assert turned.image[30, 10].tolist() == [200, 0, 0]


def test_a_background_is_as_large_as_the_photo_and_shows_no_object(dataset):
    picture = made(dataset, kind="background", window=[0, 0, 4, 2])
    assert picture.image.shape == (40, 20, 3) and len(picture.masks) == len(picture.class_ids) == 0


def test_a_product_is_one_garment_in_the_middle(dataset):
    picture = made(dataset, kind="product", object=1, share=0.5, ground=[255, 255, 255])
    height, width = other_pictures.PRODUCT_HW
    y1, x1, y2, x2 = picture.masks.boxes[0]
    assert picture.class_ids.tolist() == [7] and y2 - y1 == height / 2
    assert (y1 + y2) / 2 == height / 2 and (x1 + x2) / 2 == width / 2
    assert (picture.image[0, 0] == 255).all() and picture.image[300, 200].tolist() == [0, 0, 200]


def test_the_list_is_drawn_from_a_seed(dataset):
    rows = other_pictures.drawn_list(dataset, seed=1)
    assert rows == other_pictures.drawn_list(dataset, seed=1)
    windows = [row["window"] for row in rows if row["kind"] == "background" and row["photo"] == "a"]
    masks = dataset.load_mask(0)[0].any(axis=2)
    assert not any(masks[y1:y2, x1:x2].any() for y1, x1, y2, x2 in windows)
