"""The door `mrcnn.utils`: Matterport's names lead to the right rooms, and take what Matterport's
scripts hand over."""

import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import shapely
import skimage.transform

from mrcnn import utils
from mrcnn.data.dataset import Dataset
from mrcnn.weights import published

MATTERPORT = {
    "extract_bboxes",
    "compute_iou",
    "compute_overlaps",
    "compute_overlaps_masks",
    "non_max_suppression",
    "apply_box_deltas",
    "box_refinement_graph",
    "box_refinement",
    "Dataset",
    "resize_image",
    "resize_mask",
    "minimize_mask",
    "expand_mask",
    "mold_mask",
    "unmold_mask",
    "generate_anchors",
    "generate_pyramid_anchors",
    "trim_zeros",
    "compute_matches",
    "compute_ap",
    "compute_ap_range",
    "compute_recall",
    "batch_slice",
    "download_trained_weights",
    "norm_boxes",
    "denorm_boxes",
    "resize",
    "COCO_MODEL_URL",
}


@pytest.fixture
def masks(rng):
    """(60, 80, 3) bool, and their (3, 4) boxes: a rectangle, an ellipse and noise."""
    y, x = np.indices((60, 80)) + 0.5
    masks = np.stack(
        [
            (abs(y - 20) < 10) & (abs(x - 30) < 17),
            ((y - 40) / 15) ** 2 + ((x - 50) / 25) ** 2 < 1,
            (abs(y - 30) < 20) & (abs(x - 60) < 13) & (rng.random((60, 80)) < 0.5),
        ],
        axis=2,
    )
    return masks, utils.extract_bboxes(masks)


# The door


def test_every_name_of_matterports_is_there():
    assert set(utils.__all__) == MATTERPORT and not [
        name for name in MATTERPORT if not hasattr(utils, name)
    ]


def test_dataset_and_download_are_ours():
    assert (
        utils.Dataset is Dataset
        and utils.download_trained_weights is published.download_trained_weights
    )
    assert utils.COCO_MODEL_URL == published.COCO_MODEL_URL and utils.COCO_MODEL_URL.endswith(
        "/v2.0/mask_rcnn_coco.h5"
    )


def test_the_door_opens_without_keras():
    code = (
        "import sys, mrcnn.utils; assert not {'keras', 'tensorflow', 'skimage'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (lambda: utils.box_refinement_graph(None, None), r"mrcnn\.ops\.boxes\.encode"),
        (lambda: utils.mold_mask(None, None), "stub.*minimize_mask"),
        (lambda: utils.batch_slice([], None, 2), "whole batches"),
    ],
)
def test_what_is_gone_says_what_to_use(call, instead):
    with pytest.raises(NotImplementedError, match=instead):
        call()


# Boxes


def test_boxes_of_masks_are_whole_numbers_and_end_outside():
    masks = np.zeros((10, 12, 2), np.uint8)
    masks[2:5, 3:9, 0] = 1
    boxes = utils.extract_bboxes(masks.astype(bool))
    assert boxes.tolist() == [[2, 3, 5, 9], [0, 0, 0, 0]] and boxes.dtype == np.int32
    np.testing.assert_array_equal(utils.extract_bboxes(masks), boxes)


def test_overlaps_agree_with_shapely(random_boxes):
    a, b = random_boxes(6), random_boxes(9)
    polygons = [[shapely.box(x1, y1, x2, y2) for y1, x1, y2, x2 in boxes] for boxes in (a, b)]
    expected = [
        [p.intersection(q).area / p.union(q).area for q in polygons[1]] for p in polygons[0]
    ]
    np.testing.assert_allclose(utils.compute_overlaps(a, b), expected, atol=1e-6)
    np.testing.assert_allclose(
        utils.compute_iou(b[2], a, None, None), np.array(expected)[:, 2], atol=1e-6
    )


def test_an_empty_box_overlaps_nothing_and_warns_of_nothing(recwarn):
    assert (
        utils.compute_overlaps([[5, 5, 5, 9]], [[5, 5, 5, 9], [0, 0, 10, 10]]).tolist() == [[0, 0]]
        and not recwarn.list
    )
    assert utils.compute_overlaps(np.zeros((0, 4)), [[0, 0, 1, 1]]).shape == (0, 1)


@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_suppression_agrees_with_tensorflow(rng, random_boxes, threshold):
    tf = pytest.importorskip("tensorflow")
    boxes, scores = random_boxes(80), rng.random(80).astype(np.float32)
    expected = tf.image.non_max_suppression(boxes, scores, 80, iou_threshold=threshold).numpy()
    np.testing.assert_array_equal(utils.non_max_suppression(boxes, scores, threshold), expected)


def test_suppression_of_none_one_and_equal_ones():
    assert utils.non_max_suppression(np.zeros((0, 4)), np.zeros(0), 0.5).tolist() == []
    assert utils.non_max_suppression(np.array([[0, 0, 9, 9]]), np.array([-3.0]), 0.5).tolist() == [
        0
    ]
    kept = utils.non_max_suppression(np.array([[0, 0, 9, 9]] * 3), np.array([0.5, 0.5, 0.5]), 0.5)
    assert kept.tolist() == [0] and kept.dtype == np.int32


def test_deltas_undo_refinement(random_boxes):
    boxes, gt = random_boxes(20), random_boxes(20)
    np.testing.assert_allclose(
        utils.apply_box_deltas(boxes, utils.box_refinement(boxes, gt)), gt, atol=1e-3
    )


def test_deltas_by_hand():
    box = np.array([[10, 10, 20, 30]])
    assert utils.apply_box_deltas(box, np.array([[0.5, 0, np.log(2), 0]])).round(3).tolist() == [
        [10, 10, 30, 30]
    ]
    np.testing.assert_allclose(
        utils.box_refinement(box, np.array([[10, 10, 30, 30]])), [[0.5, 0, np.log(2), 0]], atol=1e-6
    )


def test_the_whole_image_is_0_0_1_1():
    assert utils.norm_boxes(np.array([[0, 0, 100, 200]]), (100, 200)).tolist() == [[0, 0, 1, 1]]
    assert utils.denorm_boxes(np.array([[0, 0, 1, 1]]), (100, 200)).tolist() == [[0, 0, 100, 200]]


def test_denorm_undoes_norm(rng):
    boxes = rng.integers(0, 1000, (50, 4))
    back = utils.denorm_boxes(utils.norm_boxes(boxes, (640, 480)), (640, 480))
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, boxes)


def test_trim_zeros_drops_rows_that_are_all_zero():
    assert utils.trim_zeros(np.array([[1, 0], [0, 0], [0, 2], [0, 0]])).tolist() == [[1, 0], [0, 2]]


# Anchors


def test_anchors_of_one_cell_stand_ratio_by_ratio_each_with_all_scales():
    anchors = utils.generate_anchors((8, 16), [0.25, 1], (1, 1), 4, 1)
    assert (anchors[:, 2:] - anchors[:, :2]).tolist() == [
        [16, 4],
        [32, 8],
        [8, 8],
        [16, 16],
    ] and anchors.dtype == np.float64


def test_anchors_are_centred_on_their_cells():
    anchors = utils.generate_anchors(8, [1], (2, 3), 4, 1)
    assert ((anchors[:, :2] + anchors[:, 2:]) / 2).tolist() == [
        [0, 0],
        [0, 4],
        [0, 8],
        [4, 0],
        [4, 4],
        [4, 8],
    ]
    assert len(utils.generate_anchors(8, [1], (3, 5), 4, 2)) == 2 * 3


# Resizing


@pytest.mark.parametrize("size_hw", [(40, 50), (15, 90)])
def test_resize_is_scikit_images(rng, size_hw):
    image = rng.integers(0, 256, (30, 60, 3), dtype=np.uint8)
    expected = skimage.transform.resize(
        image, size_hw, order=1, mode="constant", cval=0, anti_aliasing=False
    )
    np.testing.assert_array_equal(utils.resize(image, size_hw), expected)
    assert expected.max() <= 1 and utils.resize(image, size_hw, preserve_range=True).max() > 200


def test_resize_takes_bool_masks():
    mask = np.eye(8, dtype=bool)
    np.testing.assert_array_equal(
        utils.resize(mask, (20, 20)), utils.resize(mask.astype(float), (20, 20))
    )
    assert utils.resize(mask, (20, 20), order=0).dtype == bool


def test_a_square_image_by_hand():
    photo = np.full((50, 100, 3), 200, np.uint8)
    image, window, scale, padding, crop = utils.resize_image(
        photo, min_dim=64, max_dim=128, mode="square"
    )
    assert (window, scale, padding, crop) == (
        (32, 0, 96, 128),
        1.28,
        [(32, 32), (0, 0), (0, 0)],
        None,
    )
    assert (
        image.shape == (128, 128, 3)
        and image.dtype == np.uint8
        and not image[:32].any()
        and (image[40:80, 10:100] == 200).all()
    )


def test_a_long_side_that_rounds_to_the_canvas_fits_it():
    """1.2803 * 100 rounds to 128: the factor stays, and with it the short side of 55 * 1.2803,
    which rounds to 70."""
    assert utils.resize_image(np.zeros((55, 100, 3), np.uint8), min_scale=1.2803, max_dim=128)[
        1:3
    ] == ((29, 0, 99, 128), 1.2803)


def test_pad64_makes_a_canvas_of_multiples_of_64():
    image, window, scale, padding, _ = utils.resize_image(
        np.ones((60, 130, 1), np.float32), min_dim=64, mode="pad64"
    )
    assert image.shape == (64, 192, 1) and image.dtype == np.float32
    assert window == (0, 26, 64, 165) and scale == 64 / 60 and padding == [(0, 0), (26, 27), (0, 0)]


def test_none_leaves_the_image_as_it_is(rng):
    photo = rng.integers(0, 256, (33, 47, 3), dtype=np.uint8)
    image, *rest = utils.resize_image(photo, min_dim=800, max_dim=1024, mode="none")
    np.testing.assert_array_equal(image, photo)
    assert rest == [(0, 0, 33, 47), 1, [(0, 0), (0, 0), (0, 0)], None]


def test_crops_are_random_and_random_seed_repeats_them(rng):
    photo, crops = rng.integers(0, 256, (90, 200, 3), dtype=np.uint8), []
    for seed in (1, 2, 1):
        random.seed(seed)
        image, window, scale, padding, crop = utils.resize_image(photo, min_dim=64, mode="crop")
        y, x, h, w = crop
        np.testing.assert_array_equal(image, photo[y : y + h, x : x + w])
        assert (window, scale, padding, (h, w)) == (
            (0, 0, 64, 64),
            1,
            [(0, 0), (0, 0), (0, 0)],
            (64, 64),
        )
        crops.append(crop)
    assert crops[0] == crops[2] != crops[1]


def test_only_crops_draw_random_numbers():
    random.seed(3)
    expected = random.random()
    random.seed(3)
    utils.resize_image(np.zeros((9, 9, 3), np.uint8), max_dim=64)
    assert random.random() == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_dim": 64}, "none was given.*max_dim"),
        ({"max_dim": 64, "mode": "fit"}, "Got 'fit'"),
        ({"mode": "crop"}, "min_dim.*set it"),
        ({"min_dim": 100, "mode": "pad64"}, "Got 100; the nearest that work are 64 and 128"),
    ],
)
def test_resize_image_says_what_it_lacks(arguments, message):
    with pytest.raises(ValueError, match=message):
        utils.resize_image(np.zeros((50, 60, 3), np.uint8), **arguments)


def test_masks_follow_their_image(masks):
    for mode, seed in (("square", 0), ("pad64", 0), ("crop", 0), ("crop", 1)):
        random.seed(seed)
        photo = 255 * np.repeat(masks[0][:, :, :1], 3, axis=2).astype(np.uint8)
        image, _, scale, padding, crop = utils.resize_image(
            photo, min_dim=128, max_dim=192, mode=mode
        )
        placed = utils.resize_mask(masks[0], scale, padding, crop)
        assert placed.shape == (*image.shape[:2], 3) and placed.dtype == bool
        inside = image[..., 0] > 127
        assert (placed[..., 0] & inside).sum() / (placed[..., 0] | inside).sum() > 0.95


def test_resized_masks_agree_with_scipy_where_it_loses_nothing(rng):
    """Its rounding puts the last row or column of some sizes beyond the mask, where it reads 0.
    That is the one difference."""
    for _ in range(200):
        mask = rng.integers(1, 256, (*rng.integers(2, 40, 2), 2), dtype=np.uint8)
        scale = rng.uniform(0.2, 4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = scipy.ndimage.zoom(mask, [scale, scale, 1], order=0)
        got = utils.resize_mask(mask, scale, [(0, 0), (0, 0), (0, 0)])
        assert got.shape == expected.shape and got.dtype == np.uint8 and got.all()
        np.testing.assert_array_equal(np.where(expected == 0, 0, got), expected)


# Masks


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float32])
def test_masks_of_any_type_become_the_same_mini_masks(masks, dtype):
    expected = utils.minimize_mask(masks[1], masks[0], (28, 28))
    assert expected.shape == (28, 28, 3) and expected.dtype == bool
    np.testing.assert_array_equal(
        utils.minimize_mask(masks[1], masks[0].astype(dtype), (28, 28)), expected
    )


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
def test_expanding_undoes_minimising(masks, dtype):
    full = utils.expand_mask(
        masks[1], utils.minimize_mask(masks[1], masks[0], (56, 56)).astype(dtype), (60, 80, 3)
    )
    assert full.shape == (60, 80, 3) and full.dtype == bool
    for i in (0, 1):
        assert (full[..., i] & masks[0][..., i]).sum() / (
            full[..., i] | masks[0][..., i]
        ).sum() > 0.95


def test_padding_rows_of_boxes_are_not_looked_at(masks):
    padded = np.concatenate([masks[1], np.zeros((5, 4), int)])
    assert utils.minimize_mask(padded, masks[0], (28, 28)).shape == (28, 28, 3)
    assert utils.expand_mask(padded, np.ones((28, 28, 3), bool), (60, 80)).shape == (60, 80, 3)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (70, 5, 75, 9)])
def test_a_box_without_pixels_names_its_object(masks, box):
    boxes = masks[1].copy()
    boxes[1] = box
    with pytest.raises(
        ValueError, match=r"Object 1 has the box .*no pixel of its mask of \(60, 80\)"
    ):
        utils.minimize_mask(boxes, masks[0], (28, 28))


def test_no_objects_have_no_mini_masks():
    nothing = np.zeros((0, 4), np.int32)
    mini = utils.minimize_mask(nothing, np.zeros((60, 80, 0), bool), (28, 28))
    assert mini.shape == (28, 28, 0) and utils.expand_mask(nothing, mini, (60, 80)).shape == (
        60,
        80,
        0,
    )


def test_a_small_mask_fills_its_box():
    mask = utils.unmold_mask(np.ones((28, 28), np.float32), np.array([1, 2, 4, 7]), (10, 12, 3))
    assert (
        mask.shape == (10, 12) and mask.dtype == bool and mask.sum() == 15 and mask[1:4, 2:7].all()
    )


def test_a_mask_is_cut_where_its_box_leaves_the_image():
    assert utils.unmold_mask(np.ones((28, 28)), np.array([-5, -5, 5, 5]), (10, 12)).sum() == 25


# Evaluation


@pytest.fixture
def image(masks):
    """Arguments of compute_ap: three objects, of which the first two are found exactly, in uint8
    and int64 as scripts have them."""
    objects, boxes = masks
    return (
        boxes,
        np.array([1, 2, 3], np.int32),
        objects.astype(np.uint8),
        boxes[:2],
        np.array([1, 2]),
        np.array([0.9, 0.8]),
        objects[:, :, :2],
    )


def test_two_of_three_objects(image):
    ap, precisions, recalls, overlaps = utils.compute_ap(*image)
    np.testing.assert_allclose(ap, 2 / 3)
    assert precisions.tolist() == [1, 1, 1, 0] and overlaps.shape == (2, 3)
    np.testing.assert_allclose(recalls, [0, 1 / 3, 2 / 3, 1])
    gt_match, pred_match, _ = utils.compute_matches(*image)
    assert gt_match.tolist() == [0, 1, -1] and pred_match.tolist() == [0, 1]


def test_the_score_threshold_is_a_floor_for_the_overlap(image):
    assert utils.compute_matches(*image, score_threshold=1.0)[1].tolist() == [
        0,
        1,
    ]  # scores are below it, overlaps are not
    assert utils.compute_matches(*image, score_threshold=1.1)[1].tolist() == [-1, -1]


def test_a_range_of_thresholds_is_their_mean_and_prints_each(image, capsys):
    np.testing.assert_allclose(utils.compute_ap_range(*image, verbose=0), 2 / 3)
    assert capsys.readouterr().out == ""
    utils.compute_ap_range(*image, iou_thresholds=np.array([0.5, 0.75]))
    assert (
        capsys.readouterr().out == "AP @0.50:\t 0.667\nAP @0.75:\t 0.667\nAP @0.50-0.75:\t 0.667\n"
    )


def test_nothing_predicted_is_0_and_nothing_to_find_is_nan(image):
    gt, pred = image[:3], image[3:]
    no_gt = np.zeros((0, 4)), np.zeros(0, int), np.zeros((60, 80, 0), bool)
    no_pred = (
        np.zeros((0, 4), np.int32),
        np.zeros(0, np.int32),
        np.zeros(0, np.float32),
        np.zeros((60, 80, 0), bool),
    )
    assert (
        utils.compute_ap(*gt, *no_pred)[0]
        == 0.0
        == utils.compute_ap_range(*gt, *no_pred, verbose=0)
    )
    assert np.isnan(utils.compute_ap(*no_gt, *pred)[0]) and np.isnan(
        utils.compute_ap(*no_gt, *no_pred)[0]
    )
    assert utils.compute_matches(*no_gt, *no_pred)[2].shape == (0, 0)


def test_recall_counts_objects_not_boxes():
    gt = np.array([[0, 0, 10, 10], [20, 20, 30, 30]])
    share, found = utils.compute_recall(
        np.array([[0, 0, 10, 9], [0, 0, 10, 10], [40, 40, 50, 50]]), gt, 0.5
    )
    assert share == 0.5 and found.tolist() == [0, 1]
    assert utils.compute_recall(np.zeros((0, 4)), gt, 0.5)[0] == 0.0


def test_the_first_levels_alone_may_have_anchors():
    """Scripts with four scales for five feature maps."""
    shapes, strides = [(8, 8), (4, 4), (2, 2)], [8, 16, 32]
    anchors = utils.generate_pyramid_anchors((16, 32), [1], shapes, strides, 1)
    assert len(anchors) == 8 * 8 + 4 * 4
    with pytest.raises(ValueError, match="4 scales for 3 feature maps"):
        utils.generate_pyramid_anchors((8, 16, 32, 64), [1], shapes, strides, 1)
