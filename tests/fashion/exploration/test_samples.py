"""Sheets of samples: different images, repeatable by seed, the mask where the object is."""

import numpy as np

from fashion.exploration.objects import measure_objects
from fashion.exploration.samples import CELL_HW, crop_object, sample_rows, sample_sheet
from fashion.formats import rle

RED = np.array([255, 0, 0], np.uint8)


def test_samples_are_of_different_photos_and_repeatable(make_objects, wardrobe):
    objects = make_objects(wardrobe)
    rows = sample_rows(objects, 2, 6)
    assert (
        len(rows) == 2 and 5 in rows and set(rows) & {0, 1} and rows == sample_rows(objects, 2, 6)
    )
    assert len(sample_rows(objects, 2, 1)) == 1 and sample_rows(objects, 3, 0) == []
    assert len({tuple(sample_rows(objects, 2, 6, seed)) for seed in range(20)}) > 1


def test_the_mask_is_tinted_and_its_surroundings_are_not(box):
    photo, mask = np.full((400, 300, 3), 90, np.uint8), box(150, 100, 100, 100, (400, 300))
    picture = crop_object(photo, rle.encode(mask), (150, 100, 250, 200), RED)
    middle = tuple(n // 2 for n in picture.shape[:2])
    assert picture[middle][0] > 120 > 90 > picture[middle][1] and picture[2, 2].tolist() == [
        90,
        90,
        90,
    ]
    assert (np.array(picture.shape[:2]) <= CELL_HW).all() and max(
        np.array(picture.shape[:2]) / CELL_HW
    ) == 1


def test_objects_at_the_corner_and_of_one_pixel_are_crop_object_too(box):
    for place in ((0, 0), (399, 299)):
        mask = box(*place, 1, 1, (400, 300))
        picture = crop_object(
            np.full((400, 300, 3), 90, np.uint8),
            rle.encode(mask),
            (*place, place[0] + 1, place[1] + 1),
            RED,
        )
        assert max(np.array(picture.shape[:2]) / CELL_HW) == 1 and (picture[..., 0] > 120).any()


def test_a_sheet_has_a_cell_for_each_object(make_dataset, wardrobe):
    dataset = make_dataset(wardrobe)
    one, two = (
        sample_sheet(dataset, measure_objects(dataset), rows, RED) for rows in ([0], [0, 5])
    )
    assert (
        one.dtype == np.uint8
        and one.shape[0] == two.shape[0]
        and two.shape[1] - one.shape[1] > CELL_HW[1]
    )
