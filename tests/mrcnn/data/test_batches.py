"""Batches: fixed shapes, and contents that follow from seed and position alone; and how their
loading ends."""

import multiprocessing
import threading

import keras
import numpy as np
import pytest

from mrcnn.data.batches import TrainingBatches, training_batches, validation_batches
from tests.mrcnn.data.loading.test_prefetch import waited_for


@pytest.fixture
def config(plain_config):
    return plain_config(STEPS_PER_EPOCH=None, VALIDATION_STEPS=None, IMAGES_PER_GPU=2)


@pytest.fixture
def names(monkeypatch):
    """names(batches, epochs) -> the ids of the images that are loaded, in order."""

    def of(batches, epochs=1):
        loaded, load_image = [], batches.dataset.load_image
        monkeypatch.setattr(
            batches.dataset, "load_image", lambda i: loaded.append(i) or load_image(i)
        )
        for batches.epoch in range(epochs):
            for index in range(len(batches)):
                batches[index]
        return loaded

    return of


def same(one, other):
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name]) for name in one
    )


def test_a_batch_is_padded_to_fixed_shapes_and_types(config, shapes):
    batch = training_batches(shapes(5), config)[0]
    assert {name: (column.shape, str(column.dtype)) for name, column in batch.items()} == {
        "images": ((2, 64, 64, 3), "float32"),
        "windows": ((2, 4), "float32"),
        "seed": ((2,), "int32"),
        "gt_class_ids": ((2, 12), "int32"),
        "gt_boxes": ((2, 12, 4), "float32"),
        "gt_mask_frames": ((2, 12, 4), "float32"),
        "gt_masks": ((2, 12, 56, 56), "uint8"),
    }
    assert (batch["gt_class_ids"] > 0).tolist() == [[True] * 2 + [False] * 10] * 2
    assert not batch["gt_boxes"][:, 2:].any() and not batch["gt_masks"][:, 2:].any()


def test_extra_columns_travel_along(config, shapes, monkeypatch):
    dataset = shapes(4)
    monkeypatch.setattr(
        dataset,
        "load_instance_fields",
        lambda i: {"gt_colour": np.float32([[i, 1], [i, 2]])},
        raising=False,
    )
    batch = validation_batches(dataset, config)[1]
    assert batch["gt_colour"].shape == (2, 12, 2) and batch["gt_colour"][:, :2].tolist() == [
        [[2, 1], [2, 2]],
        [[3, 1], [3, 2]],
    ]


def test_an_epoch_visits_every_image(config, shapes, names):
    batches = training_batches(shapes(6), config)
    assert len(batches) == 3 and sorted(names(batches)) == list(range(6))


def test_few_steps_an_epoch_still_visit_every_image(plain_config, shapes, names):
    batches = training_batches(shapes(7), plain_config(STEPS_PER_EPOCH=2, IMAGES_PER_GPU=2))
    order = names(batches, epochs=7)
    assert len(order) == 28 and all(
        sorted(order[i : i + 7]) == list(range(7)) for i in range(0, 28, 7)
    )


def test_a_batch_is_the_same_whoever_asks_and_whatever_came_before(config, shapes):
    def noisy(image, masks, rng):
        return np.uint8(rng.integers(0, 255, image.shape)), masks

    first, second = (training_batches(shapes(5), config, augmenter=noisy) for _ in range(2))
    first.epoch = second.epoch = 3
    for index in range(len(first)):
        first[index]
    assert same(first[1], second[1]) and not same(first[1], first[2])


def test_another_seed_gives_another_order_and_other_samples(plain_config, shapes, names):
    orders = [
        names(training_batches(shapes(20), plain_config(SEED=seed, STEPS_PER_EPOCH=None)))
        for seed in (0, 1)
    ]
    assert orders[0] != orders[1]
    seeds = [
        training_batches(shapes(4), plain_config(SEED=seed))[0]["seed"].tolist() for seed in (0, 1)
    ]
    assert not set(seeds[0]) & set(seeds[1])


def test_no_two_images_of_a_training_share_a_sampling_seed(config, shapes):
    batches, seeds = training_batches(shapes(6), config), []
    for batches.epoch in range(4):
        seeds += [seed for i in range(len(batches)) for seed in batches[i]["seed"].tolist()]
    assert len(set(seeds)) == len(seeds) == 24


def test_repeated_images_come_more_often(config, shapes, names):
    order = names(training_batches(shapes(3), config, repeats=[1, 2, 1]))
    assert sorted(order) == [0, 1, 1, 2]


def test_validation_goes_in_order_and_fills_its_last_batch_from_the_start(config, shapes, names):
    batches = validation_batches(shapes(5), config)
    assert names(batches, epochs=2) == [0, 1, 2, 3, 4, 0] * 2


def test_validation_is_the_same_in_every_epoch(config, shapes):
    batches = validation_batches(shapes(5), config)
    first = batches[1]
    batches.epoch = 4
    assert same(first, batches[1])


@pytest.mark.parametrize(("steps", "expected"), [(2, 2), (50, 3), (None, 3)])
def test_validation_steps_are_a_limit(plain_config, shapes, steps, expected):
    assert (
        len(validation_batches(shapes(5), plain_config(VALIDATION_STEPS=steps, IMAGES_PER_GPU=2)))
        == expected
    )


def test_fewer_images_than_a_batch_holds(plain_config, shapes, names):
    assert names(validation_batches(shapes(1), plain_config(IMAGES_PER_GPU=3))) == [0, 0, 0]


def test_no_images_are_refused(config, shapes):
    with pytest.raises(ValueError, match="no images"):
        TrainingBatches(shapes(0), config)


# Sizes


@pytest.fixture
def uneven(shapes, monkeypatch):
    """Six photos, of which the last is higher; it has a name."""

    def make():
        dataset = shapes(6)
        height = [70] * 5 + [150]
        monkeypatch.setattr(dataset, "load_image", lambda i: np.zeros((height[i], 50, 3), np.uint8))
        monkeypatch.setattr(
            dataset, "load_mask", lambda i: (np.ones((height[i], 50, 1), bool), [1])
        )
        dataset.image_info[5]["path"] = "large.jpg"
        return dataset

    return make


@pytest.mark.parametrize("images_per_gpu", [1, 2])
def test_a_photo_that_is_not_of_the_size_of_the_others_is_named_whatever_the_batch_holds(
    plain_config, uneven, images_per_gpu
):
    batches = validation_batches(
        uneven(), plain_config(IMAGE_RESIZE_MODE="pad64", IMAGES_PER_GPU=images_per_gpu)
    )
    last = len(batches) - 1
    assert [batches[i]["images"].shape[1:3] for i in range(last)] == [(128, 64)] * last
    with pytest.raises(
        ValueError,
        match="192 x 64.*'large.jpg'.*128 x 64.*'pad64'.*Train with 'square', 'portrait' or 'crop'",
    ):
        batches[last]


def test_the_first_batch_says_which_size_is_right(plain_config, uneven):
    batches = validation_batches(
        uneven(), plain_config(IMAGE_RESIZE_MODE="pad64", IMAGES_PER_GPU=1)
    )
    assert batches[5]["images"].shape == (1, 192, 64, 3)
    with pytest.raises(ValueError, match="128 x 64.* for 0 and 192 x 64"):
        batches[0]


def test_photos_of_one_size_are_trained_on_in_every_mode(plain_config, shapes):
    batches = validation_batches(
        shapes(3), plain_config(IMAGE_RESIZE_MODE="pad64", IMAGES_PER_GPU=1)
    )
    assert [batches[i]["images"].shape for i in range(3)] == [(1, 128, 64, 3)] * 3


# Threads and processes, see also test_read_ahead.py


def test_batches_of_an_epoch_are_the_same_read_ahead(config, shapes):
    alone, ahead = (training_batches(shapes(16), config, workers=n) for n in (1, 3))
    for batches in (alone, ahead):
        batches.epoch = 2
        batches.on_epoch_begin()
    assert all(same(alone[i], ahead[i]) for i in range(8))
    ahead.close()


class Interrupted(keras.Model):
    """Ctrl-C in the second step."""

    def __init__(self):
        super().__init__()
        self.steps, self.built = 0, True

    def train_step(self, *arguments):
        self.steps += 1
        if self.steps == 2:
            raise KeyboardInterrupt
        logs = {"loss": keras.ops.zeros(())}
        return logs if keras.backend.backend() == "tensorflow" else (logs, arguments[0])


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "processes"), [(1, 0), (3, 0), (1, 1), (1, 2)])
def test_nothing_of_an_interrupted_training_is_alive_after_close(
    plain_config, monkeypatch, workers, processes
):
    from tests.mrcnn.data.loading.test_batch_loader import ROOT, Slow, Stripes

    monkeypatch.syspath_prepend(ROOT)
    threads, children = set(threading.enumerate()), set(multiprocessing.active_children())
    config = plain_config(STEPS_PER_EPOCH=40, IMAGES_PER_GPU=1, NUM_CLASSES=2)
    batches = training_batches(
        Stripes(7), config, augmenter=Slow(), workers=workers, processes=processes
    )
    for _ in range(2):  # and the same object trains again
        model = Interrupted()
        model.compile("sgd", run_eagerly=True)
        with pytest.raises(KeyboardInterrupt):
            model.fit(batches, shuffle=False, verbose=0)
        assert bool(processes) == bool(set(multiprocessing.active_children()) - children)
        batches.close()
        # "Dummy" are TensorFlow's own, which Python has met.
        assert waited_for(
            lambda: (
                not [
                    thread
                    for thread in set(threading.enumerate()) - threads
                    if not thread.name.startswith("Dummy")
                ]
            )
        )
        assert waited_for(lambda: not set(multiprocessing.active_children()) - children)
