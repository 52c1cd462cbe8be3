"""Predictor: any number of photos of any size, the same answer in any company, one photo in memory,
and boxes that are given.
"""

import gc
import weakref

import keras
import numpy as np
import pytest

from mrcnn.inference.predict import Predictor, _bucket, full_masks
from mrcnn.modeling.build import build_detector


def photos_of(*sizes):
    return [
        np.random.default_rng(i).integers(0, 256, (*size, 3)).astype(np.uint8)
        for i, size in enumerate(sizes)
    ]


PHOTOS = photos_of((70, 50), (64, 64), (200, 90), (33, 120), (64, 30))


@pytest.mark.slow
def test_a_result_does_not_depend_on_the_other_photos(predictor):
    """Five photos are two batches and a half; each alone is half a batch, or a batch of one if it
    comes first.
    """
    together, singly = predictor(PHOTOS), Predictor(predictor.detector, predictor.config)
    assert len(together) == 5 and min(len(result["scores"]) for result in together) > 0
    for photo, result in zip(PHOTOS, together):
        (alone,) = predictor([photo])
        assert alone.keys() == result.keys() and alone["image_hw"] == photo.shape[:2]
        (first,) = singly([photo])
        for name in ("rois", "boxes", "class_ids", "scores", "mask_probabilities"):
            np.testing.assert_allclose(alone[name], result[name], rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(first[name], result[name], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("counts", "sizes"), [([1, 1], [1, 1]), ([1, 2, 1], [1, 2, 1]), ([2, 1], [2, 2]), ([3], [2, 2])]
)
def test_a_photo_that_comes_alone_costs_no_more_than_itself(
    predictor, uncompiled, monkeypatch, counts, sizes
):
    """Batches hold two: the third photo of three is the second batch, and what is compiled for two
    is there.
    """
    run, seen = Predictor(predictor.detector, predictor.config), []
    run.always_compile()
    detect = run._detect
    monkeypatch.setattr(
        run, "_detect", lambda images, windows: seen.append(len(images)) or detect(images, windows)
    )
    for count in counts:
        assert len(run(PHOTOS[1:2] * count)) == count
    assert seen == sizes


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX compiles in any case")
def test_the_first_single_photos_run_without_a_graph(predictor, uncompiled, monkeypatch):
    """Batches hold two. Five photos one by one, two together, one: four run eagerly, and what is
    compiled stays so.
    """
    run, compiled = Predictor(predictor.detector, predictor.config), []
    detect = run._detect
    monkeypatch.setattr(
        run,
        "_detect",
        lambda images, windows: compiled.append(len(images)) or detect(images, windows),
    )
    alone = [run([PHOTOS[0]])[0] for _ in range(5)]
    assert compiled == [1]
    for name in ("boxes", "class_ids", "scores", "mask_probabilities"):
        np.testing.assert_allclose(alone[0][name], alone[4][name], rtol=1e-4, atol=1e-4)
    again = Predictor(predictor.detector, predictor.config)
    monkeypatch.setattr(
        again,
        "_detect",
        lambda images, windows: compiled.append(len(images)) or detect(images, windows),
    )
    again(PHOTOS[:2])  # a full batch: more are likely to come
    again(PHOTOS[:1])
    assert compiled == [1, 2, 2]


def test_what_is_compiled_is_known_of_each_canvas(predictor):
    """In "pad64" a photo of another size is compiled for in any case."""
    run, sizes = Predictor(predictor.detector, predictor.config), []
    for count, side in ((2, 64), (1, 64), (1, 128), (1, 64), (2, 128), (1, 128)):
        sizes.append(run._size_of(np.zeros((count, side, 64, 3))))
    assert sizes == [2, 2, 1, 2, 2, 1]


def test_of_too_many_canvases_all_are_dropped(predictor, monkeypatch):
    monkeypatch.setattr("mrcnn.inference.predict.MAX_CANVASES", 2)
    run = Predictor(predictor.detector, predictor.config)
    for side in (64, 128, 64):
        run._size_of(np.zeros((1, side, 64, 3)))
    first = run._detect
    run._size_of(np.zeros((1, 192, 64, 3)))
    assert run._detect is not first and list(run._sizes) == [(192, 64)]


@pytest.mark.slow
def test_detections_lie_in_the_photo_best_first(predictor):
    for photo, result in zip(PHOTOS, predictor(PHOTOS)):
        n = len(result["scores"])
        assert result["rois"].shape == result["boxes"].shape == (n, 4) and result[
            "mask_probabilities"
        ].shape == (n, 28, 28)
        assert (result["boxes"] >= 0).all() and (result["boxes"][:, 2:] <= photo.shape[:2]).all()
        assert (np.diff(result["scores"]) <= 0).all() and set(result["class_ids"]) <= {1, 2}
        assert result["mask_probabilities"].min() >= 0 and result["mask_probabilities"].max() <= 1
        assert all(
            value.flags.writeable for value in result.values() if isinstance(value, np.ndarray)
        )


@pytest.mark.slow
def test_the_steps_together_say_what_the_network_says(predictor):
    """The two compiled steps, cut to a bucket, against one call of the detector."""
    config, photo = predictor.config, PHOTOS[1]
    images = (np.stack([photo, photo]).astype(np.float32) - config.MEAN_PIXEL) / config.PIXEL_STD
    windows = np.tile(np.float32([0, 0, 64, 64]), (2, 1))
    whole = {
        name: np.asarray(value)
        for name, value in predictor.detector({"images": images, "windows": windows}).items()
    }
    found = predictor.detect_molded(images, windows)
    rows = found["valid"].shape[1]
    assert (
        found["valid"].any()
        and (found["valid"] == whole["valid"][:, :rows]).all()
        and not whole["valid"][:, rows:].any()
    )
    real = found["valid"]
    np.testing.assert_allclose(found["boxes"][real], whole["boxes"][:, :rows][real], atol=1e-2)
    np.testing.assert_allclose(
        found["masks" if "masks" in found else "mask_probabilities"][real],
        whole["mask_probabilities"][:, :rows][real],
        atol=1e-3,
    )


def test_no_photos_give_no_results(predictor):
    assert predictor([]) == []


class Photos:
    """An iterable that counts how many of its photos are alive whenever it is asked for one."""

    def __init__(self, count):
        self.count, self.alive = count, []

    def __iter__(self):
        born = []
        for i in range(self.count):
            gc.collect()
            self.alive.append(sum(reference() is not None for reference in born))
            photo = np.full((90, 60, 3), i, np.uint8)
            born.append(weakref.ref(photo))
            yield photo
            del photo


@pytest.mark.slow
def test_a_stream_holds_one_photo_at_a_time(predictor):
    photos = Photos(5)
    assert len(list(predictor.stream(photos))) == 5
    assert photos.alive == [0] * 5


def test_a_stream_starts_before_its_photos_end(predictor):
    def endless():
        while True:
            yield PHOTOS[0]

    stream = predictor.stream(endless())
    assert next(stream)["image_hw"] == next(stream)["image_hw"] == (70, 50)


def test_a_bad_photo_is_named_by_its_number(predictor):
    with pytest.raises(ValueError, match="Photo 2 must be an array"):
        predictor([*PHOTOS[:2], PHOTOS[2] / 255])


def test_full_masks_are_as_large_as_the_photo():
    result = {
        "mask_probabilities": np.ones((2, 28, 28), np.float32),
        "boxes": np.float32([[2, 3, 8, 9], [0, 0, 20, 10]]),
        "image_hw": (20, 10),
    }
    masks = full_masks(result)
    assert masks.shape == (20, 10, 2) and masks.dtype == bool
    assert masks[:, :, 0].sum() == 36 and masks[2:8, 3:9, 0].all() and masks[:, :, 1].all()
    nothing = {
        name: value[:0] for name, value in result.items() if name not in ("image_hw", "convention")
    } | {"image_hw": (20, 10)}
    assert full_masks(nothing).shape == (20, 10, 0)


@pytest.mark.parametrize("count, size", [(0, 4), (4, 4), (5, 10), (10, 10)])
def test_the_smallest_bucket_that_holds_all_is_taken(predictor, count, size):
    assert _bucket(count, predictor.config) == size


# Boxes that are given


@pytest.fixture(scope="module", params=["aligned", pytest.param("corners", marks=pytest.mark.full)])
def describer(plain_config, request):
    """A predictor with a head of its own beside the masks', which reads the box head's features."""
    import keras

    from mrcnn.modeling.roi_head import RoIHead

    class Stripes(RoIHead):
        reads = "box_features"

        def __init__(self):
            super().__init__(name="stripes")
            self.dense = keras.layers.Dense(5)

        def call(self, inputs, training=False):
            return {"stripes": self.dense(inputs)}

        def describe(self, outputs, class_ids):
            return outputs

    keras.utils.set_random_seed(0)
    config = plain_config(MASK_BUCKETS=[4], ROI_ALIGN=request.param)
    return Predictor(build_detector(config, [Stripes()]), config)


def columns(results, name):
    return [result[name] for result in results]


@pytest.mark.slow
def test_what_is_said_of_detected_boxes_is_said_of_them_when_they_are_given(describer):
    """Photos of five sizes: shrunk, enlarged and padded on either side, two batches and a half."""
    found = describer(PHOTOS)
    described = list(
        describer.describe(iter(PHOTOS), columns(found, "boxes"), columns(found, "class_ids"))
    )
    assert len(described) == 5 and sum(len(result["scores"]) for result in found) > 10
    for before, after in zip(found, described):
        assert (
            after.keys() == before.keys()
            and after["image_hw"] == before["image_hw"]
            and (after["scores"] == 1).all()
        )
        for name in ("rois", "boxes", "class_ids"):
            np.testing.assert_array_equal(after[name], before[name])
        for name in ("mask_probabilities", "stripes"):
            np.testing.assert_allclose(after[name], before[name], rtol=1e-4, atol=1e-4)
        assert {
            name: column.dtype
            for name, column in after.items()
            if name not in ("image_hw", "convention")
        } == {
            name: column.dtype
            for name, column in before.items()
            if name not in ("image_hw", "convention")
        }
    assert (
        np.ptp(np.concatenate(columns(found, "stripes")), axis=0).max() > 0.01
    )  # what is said depends on the box


@pytest.mark.slow
def test_any_number_of_boxes_is_described_in_their_order(describer):
    """More than ten are described in parts; a photo with few shares its batch with one of many."""
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 30, (23, 2))
    boxes, classes = (
        np.concatenate([low, low + rng.uniform(1, 20, (23, 2))], axis=1),
        rng.integers(1, 3, 23),
    )
    photos = [PHOTOS[1]] * 3
    counts = (23, 0, 2)
    results = list(
        describer.describe(photos, [boxes[:n] for n in counts], [classes[:n] for n in counts])
    )
    assert [result["stripes"].shape for result in results] == [(n, 5) for n in counts]
    assert [result["mask_probabilities"].shape for result in results] == [
        (n, 28, 28) for n in counts
    ]
    for i in (0, 9, 10, 19, 20, 22):
        (alone,) = describer.describe(photos[:1], [boxes[i : i + 1]], [classes[i : i + 1]])
        for name in ("boxes", "class_ids", "mask_probabilities", "stripes"):
            np.testing.assert_allclose(results[0][name][i], alone[name][0], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_no_boxes_are_described_as_nothing(predictor):
    (result,) = predictor.describe(PHOTOS[:1], [[]], [[]])
    assert (
        result["boxes"].shape == result["rois"].shape == (0, 4)
        and len(result["mask_probabilities"]) == len(result["scores"]) == 0
    )
    assert list(predictor.describe([], [], [])) == []


@pytest.mark.parametrize(
    "boxes, class_ids, message",
    [
        (
            [[0, 0, 9, 9]],
            [1, 1],
            r"Photo 0 comes with boxes of shape \(1, 4\) and class_ids of shape \(2,\)",
        ),
        ([0, 0, 9, 9], 1, r"shape \(4,\) and class_ids of shape \(\)"),
        ([], [1], r"shape \(0,\)"),
        ([[0, 0, 9, 9]], [3], "box of class 3. The classes of this model are 1 to 2"),
        ([[0, 0, 9, 9]], [0], "0 is the background"),
    ],
)
def test_boxes_and_classes_that_do_not_fit_are_told(predictor, boxes, class_ids, message):
    with pytest.raises(ValueError, match=message):
        list(predictor.describe(PHOTOS[:1], [boxes], [class_ids]))


def test_boxes_for_another_number_of_photos_are_told(predictor):
    with pytest.raises(ValueError, match="zip.*shorter"):
        list(predictor.describe(PHOTOS[:2], [[]], [[]]))


@pytest.mark.slow
def test_weights_that_measure_otherwise_may_be_loaded_at_any_time(plain_config):
    """A predictor made first says what one that is made afterwards says."""
    detector = build_detector(plain_config())
    early = Predictor(detector, plain_config())
    (before,) = early(PHOTOS[:1])
    detector.set_convention("corners")
    now, wanted = early(PHOTOS[:1])[0], Predictor(detector, plain_config())(PHOTOS[:1])[0]
    np.testing.assert_allclose(now["boxes"], wanted["boxes"], atol=1e-3)
    assert (
        now["boxes"].shape != before["boxes"].shape
        or np.abs(now["boxes"] - before["boxes"]).max() > 1e-3
    )
