"""Boxes before and after: drawn where they are, outside the image too, dashed or solid, grey where
they count for nothing."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from mrcnn.drawing.refinements import draw_boxes, draw_rois

IMAGE = np.full((1024, 1024, 3), 255, np.uint8)  # of a size that is not enlarged
BOX = np.array([[300, 300, 700, 700]])


def drawn(*arguments, **options):
    axes = plt.subplots()[1]
    draw_boxes(*arguments, ax=axes, **options)
    return np.asarray(axes.images[0].get_array())


def ink(picture):
    return (picture != 255).any(-1)


def test_a_box_is_dashed_and_a_refined_one_solid():
    dashed, solid = ink(drawn(IMAGE, BOX)), ink(drawn(IMAGE, refined_boxes=BOX))
    assert solid[300, 300:700].all() and solid[699, 300:700].all() and solid[300:700, 300].all()
    assert 0.4 < dashed[300, 300:700].mean() < 0.9
    assert not solid[310:690, 310:690].any() and not solid[:290].any()


def test_visibility_chooses_grey_dashed_or_solid():
    def is_grey(picture):
        return (np.ptp(picture[ink(picture)].astype(int), axis=1) < 12).all()

    hidden, dashed, solid = (drawn(IMAGE, BOX, visibilities=[v]) for v in (0, 1, 2))
    assert is_grey(hidden) and not is_grey(dashed) and not is_grey(solid)
    assert ink(solid)[300, 300:700].all() and not ink(dashed)[300, 300:700].all()


def test_a_line_joins_a_box_to_its_refinement():
    picture = ink(drawn(IMAGE, BOX, BOX + 80))
    assert picture[340, 340]


def test_padding_is_not_drawn():
    padded = np.concatenate([BOX, np.zeros((3, 4), int)])
    np.testing.assert_array_equal(
        drawn(IMAGE, padded, padded + [[0] * 4] * 4), drawn(IMAGE, BOX, BOX)
    )
    assert not ink(drawn(IMAGE, np.zeros((2, 4)), captions=["a", "b"])).any()


def test_masks_tint_and_captions_are_written():
    masks = np.zeros((1024, 1024, 1), np.uint8)
    masks[400:600, 400:600] = 1
    picture = ink(drawn(IMAGE, BOX, masks=masks, captions=["a caption"]))
    assert picture[500, 500] and not picture[650, 650]
    assert picture.sum() > ink(drawn(IMAGE, BOX, masks=masks)).sum() + 1000


def test_a_box_outside_the_image_gets_a_margin_and_pixels_keep_their_place(axes):
    draw_boxes(IMAGE, np.array([[-50, 100, 200, 300]]), ax=axes)
    left, right = axes.get_xlim()
    assert left < -50 and right > 1024 + 49 and axes.get_ylim() == (right, left)
    picture = np.asarray(axes.images[0].get_array())
    assert len(picture) == pytest.approx(right - left)


def test_a_box_far_away_does_not_shrink_the_image_to_nothing(axes):
    draw_boxes(IMAGE, np.array([[-9000, 100, 200, 30000]]), ax=axes)
    assert axes.get_xlim()[0] > -300


def test_a_small_image_is_enlarged_and_keeps_its_pixels(axes):
    draw_boxes(IMAGE[:32, :32], np.array([[-4, 2, 20, 30]]), ax=axes)
    picture, (left, right) = np.asarray(axes.images[0].get_array()), axes.get_xlim()
    assert (
        picture.shape[1] == 32 * (right - left) and left == -5.5
    )  # 4 pixels outside, and a little room


def test_a_new_figure_is_left_for_saving():
    draw_boxes(IMAGE, BOX, title="anchors")
    assert plt.gca().get_title() == "anchors"


def test_no_boxes_draw_the_image():
    assert not ink(drawn(IMAGE, np.zeros((0, 4)))).any()


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="pass boxes, refined_boxes"):
        draw_boxes(IMAGE)
    with pytest.raises(ValueError, match="1 boxes and 2 in captions"):
        draw_boxes(IMAGE, BOX, captions=["a", "b"])


def rois(count, positives):
    corners = np.random.default_rng(0).integers(0, 800, (count, 2))
    boxes = np.concatenate([corners, corners + 150], axis=1)
    return (
        boxes,
        boxes + 5,
        [(np.ones((150, 150), bool), y, x) for y, x in corners.tolist()],
        (np.arange(count) < positives).astype(np.int64),
    )


def test_rois_are_picked_and_counted():
    boxes, refined, masks, class_ids = rois(30, 12)
    padded = np.concatenate([boxes, np.zeros((5, 4), int)])
    draw_rois(
        IMAGE,
        padded,
        padded,
        masks + masks[:5],
        np.append(class_ids, [0] * 5),
        ["BG", "a"],
        limit=4,
        rng=np.random.default_rng(1),
    )
    assert (
        plt.gca().get_title()
        == "4 of 30 rois, picked at random\nof all: 12 positive, 18 negative (40% positive)"
    )


def test_positive_rois_have_masks_and_negative_ones_are_grey():
    boxes, refined, masks, _ = rois(1, 1)
    pictures = []
    for class_id in (1, 0):
        draw_rois(
            IMAGE,
            boxes,
            refined,
            masks,
            np.array([class_id]),
            ["BG", "a"],
            rng=np.random,
        )
        pictures.append(np.asarray(plt.gca().images[0].get_array()))
    y, x = boxes[0, :2] + 75
    assert ink(pictures[0])[y, x] and not ink(pictures[1])[y, x]
    assert (np.ptp(pictures[1][ink(pictures[1])].astype(int), axis=1) < 12).all()


def test_rois_without_masks_and_without_rois_draw():
    boxes, refined, _, class_ids = rois(3, 1)
    draw_rois(IMAGE, boxes, refined, None, class_ids, ["BG", "a"], rng=np.random)
    draw_rois(
        IMAGE,
        boxes[:0],
        refined[:0],
        [],
        class_ids[:0],
        ["BG"],
        rng=np.random,
    )


def test_a_missing_mask_is_named():
    boxes, refined, masks, class_ids = rois(3, 1)
    with pytest.raises(ValueError, match="Every roi needs"):
        draw_rois(IMAGE, boxes, refined, masks[:2], class_ids, ["BG", "a"], rng=np.random)
