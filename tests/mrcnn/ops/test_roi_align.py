"""RoIAlign: features known by formula, and SciPy's interpolation as the oracle."""

import numpy as np
import pytest
import scipy.ndimage
from keras import ops
from keras.backend import standardize_dtype

from mrcnn.ops.roi_align import assign_levels, crop_and_resize, roi_align

STRIDES = (4, 8, 16, 32)


def pyramid(rng, image_hw=(256, 384), batch=2, channels=3):
    return tuple(
        rng.normal(size=(batch, image_hw[0] // s, image_hw[1] // s, channels)).astype(np.float32)
        for s in STRIDES
    )


def pool_by_scipy(features, boxes, levels, size, samples):
    """The definition: sample each bin at `samples` x `samples` points between cell centres, and
    average.
    """
    pooled = np.zeros((*boxes.shape[:2], size, size, features[0].shape[-1]))
    for b, n in np.ndindex(boxes.shape[:2]):
        y1, x1, y2, x2 = boxes[b, n] / STRIDES[levels[b, n]]
        fraction = (np.arange(size * samples) + 0.5) / (size * samples)
        points = np.meshgrid(
            y1 + (y2 - y1) * fraction - 0.5, x1 + (x2 - x1) * fraction - 0.5, indexing="ij"
        )
        for c in range(pooled.shape[-1]):
            values = scipy.ndimage.map_coordinates(
                features[levels[b, n]][b, ..., c], points, order=1, mode="nearest"
            )
            pooled[b, n, ..., c] = values.reshape(size, samples, size, samples).mean(axis=(1, 3))
    return pooled


def test_a_roi_of_224_pixels_reads_p4(run):
    boxes = np.float32([[0, 0, side, side] for side in (10, 56, 78, 80, 112, 224, 448, 1024)])
    assert run(assign_levels, boxes, levels=4).tolist() == [0, 0, 0, 1, 1, 2, 3, 3]


def test_the_level_goes_by_area(run):
    assert run(assign_levels, np.float32([[0, 0, 56, 224]]), levels=4).tolist() == [1]


def test_an_empty_box_reads_the_finest_level(run):
    assert run(assign_levels, np.zeros((1, 4)), levels=4).tolist() == [0]


def test_boxes_that_are_not_finite_read_cells_that_exist(run, rng):
    boxes = np.float32(
        [[[np.nan] * 4, [0, 0, np.inf, np.inf], [-np.inf, 0, 9, np.nan]], [[4, 8, 8, 12]] * 3]
    )
    levels = run(assign_levels, boxes, levels=4)
    assert levels.min() >= 0 and levels.max() <= 3 and levels[0, 0] == 0
    features = pyramid(rng)
    pooled = run(roi_align, features, boxes, strides=STRIDES, size=2, samples=1)
    assert np.isfinite(pooled).all()
    np.testing.assert_allclose(pooled[0, 0], np.tile(features[0][0, 0, 0], (2, 2, 1)), rtol=1e-6)


def test_a_roi_on_one_cell_reads_that_cell(run, rng):
    features = pyramid(rng)
    box = np.tile(np.float32([4, 8, 8, 12]), (2, 1, 1))
    pooled = run(roi_align, features, box, strides=STRIDES, size=1, samples=1)
    np.testing.assert_allclose(pooled[:, 0, 0, 0], features[0][:, 1, 2], rtol=1e-6)


def test_bins_of_a_slope_read_their_centres(run):
    """Cell (i, j) of a level holds the pixel column of its centre, so an aligned bin must hold that
    of its own centre.
    """
    features = tuple(
        np.tile((np.arange(512 // s, dtype=np.float32) + 0.5)[:, None] * s, (1, 512 // s, 1, 1))
        for s in STRIDES
    )
    boxes = np.float32([[[20, 18.5, 60, 46.5], [40, 30, 152, 144], [33, 125, 397, 381]]])
    pooled = run(roi_align, features, boxes, strides=STRIDES, size=7, samples=2)[0, :, 3, :, 0]
    for row, (_, x1, _, x2) in zip(pooled, boxes[0]):
        np.testing.assert_allclose(row, x1 + (x2 - x1) * (np.arange(7) + 0.5) / 7, rtol=1e-5)


@pytest.mark.parametrize(("size", "samples"), [(7, 2), (3, 1), (2, 3)])
def test_pooling_agrees_with_scipy(run, rng, random_boxes, size, samples):
    features, boxes = pyramid(rng), random_boxes(2, 12, size=256)
    boxes[0, 0], boxes[1, 3], boxes[1, 4] = (0, 0, 256, 384), (-9, -9, 130, 420), (5, 5, 5, 5)
    levels = np.asarray(assign_levels(ops.convert_to_tensor(boxes), 4))
    assert len(np.unique(levels)) > 2
    pooled = run(roi_align, features, boxes, strides=STRIDES, size=size, samples=samples)
    np.testing.assert_allclose(
        pooled, pool_by_scipy(features, boxes, levels, size, samples), atol=1e-5
    )


def test_mirrored_features_and_boxes_pool_to_mirrored_results(run, rng, random_boxes):
    features, boxes = pyramid(rng), random_boxes(2, 5, size=256)
    mirrored = boxes.copy()
    mirrored[..., 1], mirrored[..., 3] = 384 - boxes[..., 3], 384 - boxes[..., 1]
    settings = {"strides": STRIDES, "size": 4, "samples": 2}
    one = run(roi_align, features, boxes, **settings)
    other = run(roi_align, tuple(f[:, :, ::-1].copy() for f in features), mirrored, **settings)
    np.testing.assert_allclose(one, other[:, :, :, ::-1], atol=1e-4)


def test_the_weights_of_a_bin_add_up_to_1_in_the_gradient(rng, random_boxes, gradient):
    features, boxes = (
        pyramid(rng, batch=1),
        random_boxes(1, 6, size=256) / 8,
    )  # small boxes: all on P2
    rest = [ops.convert_to_tensor(f) for f in features[1:]]

    def total(finest):
        return ops.sum(
            roi_align([finest, *rest], ops.convert_to_tensor(boxes), STRIDES, size=7, samples=2)
        )

    np.testing.assert_allclose(
        gradient(total, features[0]).sum(axis=(0, 1, 2)), [6 * 49] * 3, rtol=1e-4
    )


def test_half_precision_features_give_half_precision_at_exact_places(rng):
    features = [ops.cast(f, "bfloat16") for f in pyramid(rng, (1024, 1024), batch=1, channels=1)]
    box = ops.convert_to_tensor(np.float32([[[1019.5, 1019.5, 1023.5, 1023.5]]]))
    pooled = roi_align(features, box, STRIDES, size=1, samples=1)
    assert "bfloat16" in str(pooled.dtype)
    last, before = (float(ops.cast(features[0][0, i, 255, 0], "float32")) for i in (255, 254))
    corner = float(ops.cast(features[0][0, 254, 254, 0], "float32"))
    left = float(ops.cast(features[0][0, 255, 254, 0], "float32"))
    expected = np.float32([[corner, before], [left, last]])
    share = np.float32([0.125, 0.875])
    assert abs(float(ops.cast(pooled, "float32")[0, 0, 0, 0, 0]) - share @ expected @ share) < 0.03


# The convention of Matterport's weights. TensorFlow's crop_and_resize is what its code called.


def tensorflows(image, boxes, image_hw, size):
    """One level, boxes by corner pixels: (1, H, W, C), (N, 4) -> (N, size, size, C)."""
    tensorflow = pytest.importorskip("tensorflow")
    unit = boxes / np.float32([image_hw[0] - 1, image_hw[1] - 1] * 2)
    return tensorflow.image.crop_and_resize(
        image, unit, np.zeros(len(boxes), int), (size, size)
    ).numpy()


@pytest.mark.parametrize("size", [7, 14, 1])
def test_corners_pool_as_crop_and_resize(run, rng, random_boxes, size):
    image_hw, features = (256, 384), pyramid(rng, batch=1)
    boxes = np.concatenate(
        [
            random_boxes(1, 20, size=250),
            np.float32([[[0, 0, 250, 380], [3, 5, 4, 5.5], [20, 30, 20, 90]]]),
        ],
        axis=1,
    )
    pooled = run(crop_and_resize, features, boxes, strides=STRIDES, size=size)[0]
    side = (
        np.sqrt(np.prod(boxes[0, :, 2:] - boxes[0, :, :2], axis=1) / (255 * 383))
        * np.sqrt(256 * 384)
        / 224
    )
    levels = np.clip(np.round(4 + np.log2(np.maximum(side, 1e-6))), 2, 5).astype(int) - 2
    assert len(np.unique(levels)) > 2
    for level in np.unique(levels):
        wanted = tensorflows(features[level][:1], boxes[0, levels == level], image_hw, size)
        np.testing.assert_allclose(pooled[levels == level], wanted, atol=1e-4)


def test_a_roi_that_ends_at_the_images_corner_reads_the_last_cell(run, rng):
    """crop_and_resize reads 0 there for some starts: rounding moves the last point outside."""
    features = pyramid(rng, batch=1)
    starts = rng.uniform(200, 250, (50, 2)).astype(np.float32)
    boxes = np.concatenate([starts, np.tile(np.float32([[255, 383]]), (50, 1))], axis=1)[None]
    pooled = run(crop_and_resize, features, boxes, strides=STRIDES, size=7)[0]
    last = np.stack([f[0, -1, -1] for f in features])
    assert (np.abs(pooled[:, -1, -1][:, None] - last).max(axis=2).min(axis=1) < 1e-5).all()


def test_features_of_16_bits_are_added_up_in_32(run, rng, random_boxes):
    """The result is that of float32 arithmetic on the same features, rounded once: at most half a
    step of bfloat16 away, 2**-9."""

    def pool(features, boxes, dtype):
        return ops.cast(
            roi_align(
                [ops.cast(level, dtype) for level in features],
                boxes,
                strides=STRIDES,
                size=7,
                samples=2,
            ),
            "float32",
        )

    features, boxes = pyramid(rng, channels=16), random_boxes(2, 12, size=256)
    features = tuple(
        np.asarray(ops.cast(ops.cast(level, "bfloat16"), "float32")) for level in features
    )  # as bfloat16 holds them
    exact, rounded = (run(pool, features, boxes, dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert (np.abs(rounded - exact) <= np.abs(exact) * 2.0**-8 + 1e-6).all()
    assert (
        np.sqrt(np.mean((rounded - exact) ** 2)) < 1.9e-3 * np.sqrt(np.mean(exact**2))
        and (rounded != exact).any()
    )


def test_the_result_has_the_dtype_of_the_features(run, rng):
    def dtypes(features, boxes):
        for dtype in ("float16", "bfloat16", "float32"):
            pooled = roi_align(
                [ops.cast(level, dtype) for level in features],
                boxes,
                strides=STRIDES,
                size=2,
                samples=1,
            )
            assert standardize_dtype(pooled.dtype) == dtype
        return boxes

    run(dtypes, pyramid(rng), np.float32([[[0, 0, 9, 9]], [[0, 0, 9, 9]]]))
