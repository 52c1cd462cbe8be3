"""Objects on the canvas of the network input."""

import numpy as np

from fashion.exploration.training_size import on_canvas
from mrcnn.config import Config


class Square(Config):
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64


class Portrait(Config):
    IMAGE_RESIZE_MODE, IMAGE_MAX_DIM, IMAGE_MIN_DIM = "portrait", 128, 64


def test_a_large_photo_shrinks_and_is_centred(make_objects, box):
    # 128 x 64 becomes 64 x 32, with 16 columns of black on either side.
    objects = make_objects([("a", box(0, 0, 20, 10, (128, 64)), 0, [])])
    canvas = on_canvas(objects, Square())
    assert (
        canvas.boxes.tolist() == [[0, 16, 10, 21]]
        and canvas.areas.tolist() == [50]
        and canvas.canvas_hw.tolist() == [[64, 64]]
    )


def test_photos_of_different_sizes_have_their_own_scale(make_objects, box):
    objects = make_objects(
        [("a", box(0, 0, 20, 10, (128, 64)), 0, []), ("b", box(0, 0, 20, 10, (256, 128)), 0, [])]
    )
    assert on_canvas(objects, Portrait()).boxes.tolist() == [[0, 0, 20, 10], [0, 0, 10, 5]]


def test_what_is_cut_off_does_not_count(make_objects, box):
    class Crop(Config):
        IMAGE_RESIZE_MODE, IMAGE_MIN_DIM, IMAGE_MAX_DIM = "crop", 64, 64

    # Of 128 rows the middle 64 are seen: 32 to 95. Half of the first box is, and nothing of the second.
    objects = make_objects(
        [("a", box(22, 0, 20, 10, (128, 64)), 0, []), ("a", box(0, 0, 20, 10, (128, 64)), 0, [])]
    )
    canvas = on_canvas(objects, Crop())
    assert canvas.boxes[0].tolist() == [0, 0, 10, 10] and canvas.areas.tolist() == [100, 0]
    assert np.prod(canvas.boxes[1, 2:] - canvas.boxes[1, :2]) == 0
