"""load_image_gt: photos of 70 x 50 with two objects each, on a canvas of 64 x 64."""

import random

import numpy as np
import pytest

from mrcnn.data.augmentation.imgaug_import import import_imgaug
from mrcnn.legacy.examples import FIELDS, compose_image_meta, load_image_gt, parse_image_meta


@pytest.fixture(scope="module")
def config(plain_config):
    return plain_config(MINI_MASK_SHAPE=(28, 28))


def box_is_tight(masks, boxes):
    return all(
        masks[y1:y2, x1:x2, i].sum() == masks[:, :, i].sum()
        and masks[[y1, y2 - 1], :, i].any(axis=1).all()
        and masks[:, [x1, x2 - 1], i].any(axis=0).all()
        for i, (y1, x1, y2, x2) in enumerate(boxes)
    )


def test_an_image_comes_with_its_objects_on_the_canvas(config, shapes):
    image, meta, class_ids, boxes, masks = load_image_gt(shapes(2), config, 1, use_mini_mask=False)
    assert (image.shape, image.dtype) == ((64, 64, 3), np.uint8)
    assert (
        (masks.shape, masks.dtype) == ((64, 64, 2), bool)
        and class_ids.tolist() == [1, 2]
        and class_ids.dtype == np.int32
    )
    assert boxes.dtype == np.int32 and box_is_tight(masks, boxes)
    assert (image[masks[:, :, 1]] == (20, 90, 220)).all(
        axis=1
    ).mean() > 0.8  # the second object's colour, but for its edge


def test_the_meta_tells_where_the_photo_went(config, shapes):
    meta = parse_image_meta(load_image_gt(shapes(2), config, 1)[1])
    assert {name: value.tolist() for name, value in meta.items() if name != "scale"} == {
        "image_id": 1,
        "original_image_shape": [70, 50, 3],
        "image_shape": [64, 64, 3],
        "window": [0, 9, 64, 55],
        "active_class_ids": [1, 1, 1],
    }
    assert meta["scale"] == np.float32(64 / 70)


@pytest.mark.parametrize(
    ("argument", "setting", "side"),
    [(None, True, 28), (None, False, 64), (True, False, 28), (False, True, 64)],
)
def test_masks_are_small_or_full_as_asked_or_else_as_the_config_says(
    plain_config, shapes, argument, setting, side
):
    masks = load_image_gt(
        shapes(1),
        plain_config(USE_MINI_MASK=setting, MINI_MASK_SHAPE=(28, 28)),
        0,
        use_mini_mask=argument,
    )[4]
    assert masks.shape == (side, side, 2) and masks.dtype == bool


def test_masks_are_of_the_images_size_by_default(plain_config, shapes):
    assert load_image_gt(shapes(1), plain_config(USE_MINI_MASK=True), 0)[4].shape == (64, 64, 2)


def test_imgaug_moves_masks_and_boxes_with_the_image(config, shapes):
    flip = import_imgaug().augmenters.Fliplr(1.0)
    image, _, _, boxes, masks = load_image_gt(shapes(1), config, 0, use_mini_mask=False)
    flipped_image, _, _, flipped_boxes, flipped_masks = load_image_gt(
        shapes(1), config, 0, augmentation=flip, use_mini_mask=False
    )
    np.testing.assert_array_equal(flipped_image, image[:, ::-1])
    np.testing.assert_array_equal(flipped_masks, masks[:, ::-1])
    np.testing.assert_array_equal(
        flipped_boxes,
        np.stack([boxes[:, 0], 64 - boxes[:, 3], boxes[:, 2], 64 - boxes[:, 1]], axis=1),
    )


def test_the_old_flip_warns_and_flips_every_other_time(config, shapes):
    dataset = shapes(1)
    image = load_image_gt(dataset, config, 0)[0]
    random.seed(3)
    with pytest.warns(FutureWarning, match="augment=True is deprecated.*Fliplr"):
        found = [
            load_image_gt(dataset, config, 0, augment=True, use_mini_mask=False) for _ in range(12)
        ]
    flipped = [np.array_equal(f[0], image[:, ::-1]) for f in found]
    assert (
        all(f or np.array_equal(example[0], image) for f, example in zip(flipped, found))
        and 2 < sum(flipped) < 10
    )
    assert all(box_is_tight(example[4], example[3]) for example in found)


def test_an_object_that_is_pushed_out_goes_with_its_class_and_box(config, shapes):
    def without_first(image, masks, rng):
        return image, masks & np.array([False, True])

    _, _, class_ids, boxes, masks = load_image_gt(shapes(1), config, 0, augmentation=without_first)
    assert class_ids.tolist() == [2] and len(boxes) == 1 and masks.shape[2] == 1


def test_a_crowd_keeps_its_negative_class_id(config, shapes, monkeypatch):
    dataset = shapes(1)
    masks, _ = dataset.load_mask(0)
    monkeypatch.setattr(dataset, "load_mask", lambda image_id: (masks, np.array([1, -2])))
    assert load_image_gt(dataset, config, 0)[2].tolist() == [1, -2]


def test_an_image_may_have_no_objects(config, shapes, monkeypatch):
    dataset = shapes(1)
    monkeypatch.setattr(
        dataset, "load_mask", lambda image_id: (np.zeros((70, 50, 0), bool), np.zeros(0, np.int32))
    )
    _, _, class_ids, boxes, masks = load_image_gt(dataset, config, 0, use_mini_mask=True)
    assert class_ids.shape == (0,) and boxes.shape == (0, 4) and masks.shape == (28, 28, 0)


def test_classes_of_other_sources_are_not_active(config, shapes):
    dataset = shapes(1)
    dataset.add_class("other", 1, "disc")
    dataset.prepare()
    assert load_image_gt(dataset, config, 0)[1][12:].tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("masks", "source", "message"),
    [
        (
            np.zeros((50, 70, 1), bool),
            "shapes",
            (
                r"Image 0 could not be prepared for training: load_mask must return "
                r"masks of .*\(70, 50\)"
            ),
        ),
        (np.zeros((70, 50, 2), bool), "shapes", "2 masks but 1 rows of class_ids"),
        (np.zeros((70, 50, 1), bool), "nowhere", "The source 'nowhere' of image 0 has no classes"),
    ],
)
def test_an_error_names_the_image(config, shapes, monkeypatch, masks, source, message):
    dataset = shapes(1)
    monkeypatch.setattr(dataset, "load_image", lambda image_id: np.zeros((70, 50, 3), np.uint8))
    monkeypatch.setattr(dataset, "load_mask", lambda image_id: (masks, np.array([1])))
    dataset.image_info[0]["source"] = source
    with pytest.raises((RuntimeError, ValueError), match=message):
        load_image_gt(dataset, config, 0)


def test_a_row_holds_the_image_in_matterports_order():
    meta = compose_image_meta(5, (30, 40, 3), (64, 64, 3), (8, 0, 56, 64), 1.6, [1, 0, 1])
    assert (
        meta.tolist() == [5, 30, 40, 3, 64, 64, 3, 8, 0, 56, 64, 1.6, 1, 0, 1]
        and len(meta) == 12 + 3
    )


def test_parsing_undoes_composing():
    given = {
        "image_id": 5,
        "original_image_shape": [30, 40, 3],
        "image_shape": [64, 64, 3],
        "window": [8, 0, 56, 64],
        "scale": 1.5,
        "active_class_ids": [1, 0, 1],
    }
    row = compose_image_meta(**given)
    assert {name: value.tolist() for name, value in parse_image_meta(row).items()} == given
    batch = parse_image_meta(np.stack([row, row]))
    assert (
        batch["window"].shape == (2, 4)
        and batch["window"].dtype == np.int32
        and batch["scale"].dtype == np.float32
    )


def test_every_number_has_one_place():
    columns = np.concatenate([np.atleast_1d(np.arange(15)[where]) for where in FIELDS.values()])
    assert columns.tolist() == list(range(15))
