"""Sizes and shapes, by hand."""

import numpy as np

from fashion.exploration.sizes import (
    at_training_size,
    coco_sizes,
    image_sizes,
    mask_statistics,
    quantiles,
)
from mrcnn.config import Config


def test_coco_counts_the_ends_as_medium():
    assert coco_sizes([1023, 1024, 96**2, 96**2 + 1]) == [1, 2, 1] and coco_sizes([]) == [0, 0, 0]


def test_quantiles_of_hundred_and_one_numbers():
    assert np.allclose(quantiles(np.arange(101)), [5, 25, 50, 75, 95]) and quantiles([]) is None


def test_photos_are_counted_by_size():
    sizes = image_sizes(np.array([[200, 100], [200, 100], [300, 160]]))
    assert sum(cell[2] for cell in sizes["grid"]) == 3 and sizes["different"] == 2
    assert (
        sizes["commonest"] == {"width": 100, "height": 200, "photos": 2} and sizes["upright"] == 1.0
    )
    assert sum(sizes["megapixels"]["counts"]) == 3 and sizes["aspect"]["quantiles"][2] == 2.0


def test_photos_of_one_size_have_a_histogram_too():
    assert sum(image_sizes(np.array([[10, 10]] * 4))["megapixels"]["counts"]) == 4


def test_shapes_by_class(make_objects, wardrobe):
    objects = make_objects(wardrobe)
    whole, shirt, sock, button = mask_statistics(
        objects, ["shirt", "sock", "button"], objects.areas * 4
    )
    assert (whole["name"], whole["objects"], shirt["objects"]) == ("all", 6, 2)
    assert (
        button["share"] == [4 / 1200] * 5
        and button["fill"] == [1.0] * 5
        and button["aspect"] == [1.0] * 5
    )
    assert sock["pixels"][2] == 50 and sock["aspect"][2] == 2.0 and sock["in_parts"] == 0
    assert shirt["photo_sizes"] == [2, 0, 0] and shirt["canvas_sizes"] == [1, 1, 0]


def test_a_class_without_objects_has_no_quantiles(make_objects, wardrobe):
    objects = make_objects(wardrobe[3:4])
    assert mask_statistics(objects, ["shirt", "sock", "button"], objects.areas)[2]["fill"] is None


class Square(Config):
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64


class Portrait(Config):
    IMAGE_RESIZE_MODE, IMAGE_MAX_DIM, IMAGE_MIN_DIM = "portrait", 128, 64


def test_a_large_photo_shrinks_and_is_centred(make_objects, box):
    # 128 x 64 becomes 64 x 32, with 16 columns of black on either side.
    objects = make_objects([("a", box(0, 0, 20, 10, (128, 64)), 0, [])])
    canvas = at_training_size(objects, Square())
    assert (
        canvas.boxes.tolist() == [[0, 16, 10, 21]]
        and canvas.areas.tolist() == [50]
        and canvas.canvas_hw.tolist() == [[64, 64]]
    )


def test_photos_of_different_sizes_have_their_own_scale(make_objects, box):
    objects = make_objects(
        [("a", box(0, 0, 20, 10, (128, 64)), 0, []), ("b", box(0, 0, 20, 10, (256, 128)), 0, [])]
    )
    assert at_training_size(objects, Portrait()).boxes.tolist() == [[0, 0, 20, 10], [0, 0, 10, 5]]


def test_what_is_cut_off_does_not_count(make_objects, box):
    class Crop(Config):
        IMAGE_RESIZE_MODE, IMAGE_MIN_DIM, IMAGE_MAX_DIM = "crop", 64, 64

    # Of 128 rows the middle 64 are visible: 32 to 95. Half of the first box is, and nothing of
    # the second.
    objects = make_objects(
        [("a", box(22, 0, 20, 10, (128, 64)), 0, []), ("a", box(0, 0, 20, 10, (128, 64)), 0, [])]
    )
    canvas = at_training_size(objects, Crop())
    assert canvas.boxes[0].tolist() == [0, 0, 10, 10] and canvas.areas.tolist() == [100, 0]
    assert np.prod(canvas.boxes[1, 2:] - canvas.boxes[1, :2]) == 0
