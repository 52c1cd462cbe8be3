"""Anchors: sizes, places and order, by hand."""

import numpy as np

from mrcnn.ops.anchors import level_anchors, pyramid_anchors


def test_ratio_is_width_over_height():
    y1, x1, y2, x2 = level_anchors(image_hw=(32, 32), stride=32, scale=32, ratios=[0.25])[0]
    assert (y2 - y1, x2 - x1) == (64, 16)


def test_every_ratio_has_the_area_of_the_square():
    boxes = level_anchors((32, 32), 32, 48, [0.5, 1, 2])
    np.testing.assert_allclose(
        (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 48**2, rtol=1e-5
    )


def test_anchors_are_centred_on_the_top_left_corners_of_cells():
    boxes = level_anchors((16, 24), 8, 4, [1])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert centres.tolist() == [[0, 0], [0, 8], [0, 16], [8, 0], [8, 8], [8, 16]]  # row by row


def test_the_ratios_of_one_cell_come_together():
    boxes = level_anchors((8, 16), 8, 4, [0.25, 4])
    assert boxes.tolist() == [[-4, -1, 4, 1], [-1, -4, 1, 4], [-4, 7, 4, 9], [-1, 4, 1, 12]]


def test_anchor_stride_2_uses_every_other_cell_as_a_strided_convolution_does():
    every, other = (
        level_anchors((24, 24), 8, 8, [1]),
        level_anchors((24, 24), 8, 8, [1], anchor_stride=2),
    )
    np.testing.assert_array_equal(other, every.reshape(3, 3, 4)[::2, ::2].reshape(-1, 4))


def test_a_pyramid_is_its_levels_finest_first():
    boxes = pyramid_anchors((64, 128), (4, 8, 16), (8, 16, 32), (0.5, 1, 2))
    assert boxes.dtype == np.float32 and len(boxes) == 3 * (16 * 32 + 8 * 16 + 4 * 8)
    np.testing.assert_array_equal(
        boxes[3 * 16 * 32 : 3 * (16 * 32 + 8 * 16)], level_anchors((64, 128), 8, 16, (0.5, 1, 2))
    )
