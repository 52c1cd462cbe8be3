"""DataGenerator and data_generator: lists of padded arrays in Matterport's order."""

import itertools

import numpy as np
import pytest

from mrcnn.legacy.batches import DataGenerator, data_generator
from mrcnn.legacy.examples import parse_image_meta
from mrcnn.legacy.images import unmold_image


@pytest.fixture(scope="module")
def config(plain_config):
    return plain_config(MINI_MASK_SHAPE=(28, 28), MASK_SHAPE=(28, 28))


def image_ids(batch):
    return parse_image_meta(batch[0][1])["image_id"].tolist()


def test_a_batch_holds_matterports_arrays_in_its_order(config, shapes):
    inputs, outputs = DataGenerator(shapes(3), config, shuffle=False)[0]
    anchors = 3 * (16 * 16 + 8 * 8 + 4 * 4 + 2 * 2 + 1)
    assert [(a.shape, a.dtype.name) for a in inputs] == [
        ((2, 64, 64, 3), "float32"),
        ((2, 15), "float64"),
        ((2, anchors, 1), "int32"),
        ((2, 32, 4), "float32"),
        ((2, 12), "int32"),
        ((2, 12, 4), "int32"),
        ((2, 28, 28, 12), "bool"),
    ] and outputs == []
    images, _, rpn_match, rpn_bbox, class_ids, boxes, masks = inputs
    assert (
        class_ids[:, :3].tolist() == [[1, 2, 0]] * 2
        and boxes[:, :2].any(axis=2).all()
        and not boxes[:, 2:].any()
    )
    assert (
        masks[..., :2].all(axis=(1, 2)).all() and not masks[..., 2:].any()
    )  # rectangles fill their boxes
    assert set(np.unique(rpn_match)) == {-1, 0, 1}
    np.testing.assert_array_equal(
        rpn_bbox.any(axis=2).sum(axis=1), (rpn_match[..., 0] == 1).sum(axis=1)
    )
    y1, x1, y2, x2 = boxes[0, 0]
    assert (
        unmold_image(images[0], config)[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] == (200, 30, 60)
    ).all()


def test_random_rois_and_their_targets_are_added_on_request(config, shapes):
    with_rois = DataGenerator(shapes(2), config, random_rois=40)[0]
    assert len(with_rois[0]) == 8 and with_rois[0][7].shape == (2, 40, 4) and with_rois[1] == []
    inputs, outputs = DataGenerator(shapes(2), config, random_rois=40, detection_targets=True)[0]
    assert len(inputs) == 9 and inputs[8].shape == (2, 16, 4) and inputs[8].dtype == np.int32
    assert [a.shape for a in outputs] == [(2, 16, 1), (2, 16, 3, 4), (2, 16, 28, 28, 3)]
    with pytest.raises(ValueError, match="made for random_rois"):
        DataGenerator(shapes(2), config, detection_targets=True)


def test_an_index_names_its_images(config, shapes):
    batches = DataGenerator(shapes(5), config, shuffle=False)
    assert len(batches) == 3
    assert [image_ids(batches[i]) for i in (2, 0, 1)] == [[4, 0], [0, 1], [2, 3]]
    assert [image_ids(b) for b in batches] == [
        [0, 1],
        [2, 3],
        [4, 0],
    ]  # and iterating comes to an end


def test_a_shuffled_epoch_shows_every_image_once(config, shapes):
    batches = DataGenerator(shapes(6), config)
    first = sum((image_ids(b) for b in batches), [])
    batches.on_epoch_end()
    second = sum((image_ids(b) for b in batches), [])
    assert sorted(first) == sorted(second) == list(range(6)) and first != second


def test_a_batch_is_a_function_of_seed_epoch_and_index(config, shapes):
    def noisy(image, masks, rng):
        return rng.integers(0, 256, image.shape).astype(np.uint8), masks

    one, other = (DataGenerator(shapes(4), config, augmentation=noisy)[1][0] for _ in range(2))
    for a, b in zip(one, other):
        np.testing.assert_array_equal(a, b)


def test_the_endless_generator_runs_on_through_the_images(config, shapes):
    batches = data_generator(shapes(3), config, shuffle=False, batch_size=2)
    assert [image_ids(b) for b in itertools.islice(batches, 4)] == [[0, 1], [2, 0], [1, 2], [0, 1]]
    assert next(data_generator(shapes(3), config))[0][0].shape[0] == 1


def test_the_endless_generator_shuffles_by_rounds(config, shapes):
    ids = sum((image_ids(b) for b in itertools.islice(data_generator(shapes(4), config), 8)), [])
    assert sorted(ids[:4]) == sorted(ids[4:]) == [0, 1, 2, 3]


def test_sources_may_be_left_unaugmented(config, shapes):
    dataset = shapes(2)
    dataset.image_info[1]["source"] = "drawn"
    dataset.add_class("drawn", 1, "line")
    dataset.prepare()

    def blacken(image, masks, rng):
        return np.zeros_like(image), masks

    batches = data_generator(
        dataset,
        config,
        shuffle=False,
        augmentation=blacken,
        batch_size=2,
        no_augmentation_sources=["drawn"],
    )
    images = next(batches)[0][0]
    assert not unmold_image(images[0], config).any() and unmold_image(images[1], config).any()


def test_more_objects_than_fit_are_drawn_from(plain_config, shapes):
    batch, _ = DataGenerator(shapes(2), plain_config(MAX_GT_INSTANCES=1), shuffle=False)[0]
    assert batch[4].shape == (2, 1) and (batch[4] > 0).all() and batch[5].any(axis=2).all()


def test_an_image_without_objects_is_background(config, shapes, monkeypatch):
    dataset = shapes(2)
    monkeypatch.setattr(
        dataset, "load_mask", lambda image_id: (np.zeros((70, 50, 0), bool), np.zeros(0, np.int32))
    )
    monkeypatch.setattr(dataset, "load_image", lambda image_id: np.zeros((70, 50, 3), np.uint8))
    inputs, outputs = DataGenerator(dataset, config, random_rois=20, detection_targets=True)[0]
    assert (
        set(np.unique(inputs[2])) == {-1, 0}
        and not any(a.any() for a in inputs[3:7])
        and not any(a.any() for a in outputs)
    )


def test_images_of_a_batch_must_have_one_size(plain_config, shapes, monkeypatch):
    dataset = shapes(2)
    monkeypatch.setattr(
        dataset, "load_image", lambda image_id: np.zeros((64, 64 + 64 * image_id, 3), np.uint8)
    )
    monkeypatch.setattr(
        dataset,
        "load_mask",
        lambda image_id: (np.ones((64, 64 + 64 * image_id, 1), bool), np.array([1])),
    )
    with pytest.raises(ValueError, match="must be of one size.*'none'"):
        DataGenerator(dataset, plain_config(IMAGE_RESIZE_MODE="none"), shuffle=False)[0]


def test_an_empty_data_set_is_refused(config, shapes):
    with pytest.raises(ValueError, match="holds no images"):
        DataGenerator(shapes(0), config)
