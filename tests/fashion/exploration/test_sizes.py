"""Sizes and shapes, by hand."""

import numpy as np

from fashion.exploration.sizes import coco_sizes, mask_rows, photo_sizes, quantiles


def test_coco_counts_the_ends_as_medium():
    assert coco_sizes([1023, 1024, 96**2, 96**2 + 1]) == [1, 2, 1] and coco_sizes([]) == [0, 0, 0]


def test_quantiles_of_hundred_and_one_numbers():
    assert np.allclose(quantiles(np.arange(101)), [5, 25, 50, 75, 95]) and quantiles([]) is None


def test_photos_are_counted_by_size():
    sizes = photo_sizes(np.array([[200, 100], [200, 100], [300, 160]]))
    assert sum(cell[2] for cell in sizes["grid"]) == 3 and sizes["different"] == 2
    assert (
        sizes["commonest"] == {"width": 100, "height": 200, "photos": 2} and sizes["upright"] == 1.0
    )
    assert sum(sizes["megapixels"]["counts"]) == 3 and sizes["aspect"]["quantiles"][2] == 2.0


def test_photos_of_one_size_have_a_histogram_too():
    assert sum(photo_sizes(np.array([[10, 10]] * 4))["megapixels"]["counts"]) == 4


def test_shapes_by_class(make_objects, wardrobe):
    objects = make_objects(wardrobe)
    whole, shirt, sock, button = mask_rows(objects, ["shirt", "sock", "button"], objects.areas * 4)
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
    assert mask_rows(objects, ["shirt", "sock", "button"], objects.areas)[2]["fill"] is None
