import logging

import numpy as np
import pytest
from PIL import Image

from mrcnn.data.dataset import Dataset


class Shapes(Dataset):
    """As Matterport's users write it: the dataset passes itself as class_map, and returns uint8
    masks."""

    def __init__(self):
        super().__init__(self)
        self.add_class("shapes", 7, "square, box")
        self.add_class("shapes", 9, "circle")
        self.add_image("shapes", image_id="a", path="a.png", width=4, height=3, labels=["7"])
        self.add_image("shapes", "b", "b.png")

    def load_mask(self, image_id):
        return np.ones((3, 4, 2), np.uint8), np.array([1, 2])


@pytest.fixture
def shapes():
    dataset = Shapes()
    dataset.prepare()
    return dataset


def test_background_is_class_0(shapes):
    assert shapes.class_info[0] == {"source": "", "id": 0, "name": "BG"}
    assert (shapes.num_classes, shapes.num_images) == (3, 2)
    assert shapes.class_names == ["BG", "square", "circle"]


def test_ids_count_from_0_in_the_order_of_adding(shapes):
    assert shapes.image_ids.tolist() == [0, 1] and shapes.class_ids.tolist() == [0, 1, 2]
    assert shapes.image_from_source_map == {"shapes.a": 0, "shapes.b": 1}
    assert shapes.sources == ["", "shapes"] and shapes.source_class_ids == {
        "": [0],
        "shapes": [0, 1, 2],
    }


def test_source_class_ids_map_both_ways(shapes):
    assert shapes.map_source_class_id("shapes.9") == 2
    assert shapes.get_source_class_id(2, "shapes") == 9
    with pytest.raises(ValueError, match="comes from 'shapes'"):
        shapes.get_source_class_id(2, "coco")


def test_extras_are_kept_in_image_info(shapes):
    assert shapes.image_info[0] == {
        "id": "a",
        "source": "shapes",
        "path": "a.png",
        "width": 4,
        "height": 3,
        "labels": ["7"],
    }
    assert shapes.source_image_link(1) == "b.png" and shapes.image_reference(0) == ""


def test_a_class_added_twice_counts_once(shapes):
    shapes.add_class("shapes", 7, "square")
    assert len(shapes.class_info) == 3


def test_a_source_with_a_dot_is_refused():
    with pytest.raises(ValueError, match="'a_b' works"):
        Dataset().add_class("a.b", 1, "x")


def test_there_are_no_images_before_prepare():
    assert len(Shapes().image_ids) == 0


def test_class_ids_of_an_image_are_those_of_load_mask(shapes):
    assert (
        shapes.image_class_ids(0).tolist() == [1, 2] and shapes.image_class_ids(0).dtype == np.int32
    )
    assert shapes.load_instance_fields(0) == {}


def test_without_load_mask_an_image_has_no_objects(tmp_path, caplog):
    Image.new("RGB", (5, 3)).save(tmp_path / "x.png")
    dataset = Dataset()
    dataset.add_image("s", 0, tmp_path / "x.png")
    dataset.prepare()
    with caplog.at_level(logging.WARNING):
        masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (3, 5, 0) and class_ids.shape == (0,) and "not overridden" in caplog.text


class Photos(Dataset):
    """One JPEG of 40 x 64 pixels, as it is stored."""

    def __init__(self, folder):
        super().__init__()
        Image.new("RGB", (64, 40), (250, 0, 0)).save(folder / "x.jpg")
        self.add_image("s", 0, folder / "x.jpg")
        self.prepare()


@pytest.mark.parametrize(
    "size_hw,loaded_hw",
    [((20, 32), (20, 32)), ((10, 10), (10, 16)), ((21, 2), (40, 64)), ((99, 99), (40, 64))],
)
def test_a_photo_is_loaded_at_a_half_or_less_where_that_is_enough(tmp_path, size_hw, loaded_hw):
    assert Photos(tmp_path).load_image_at_least(0, size_hw).shape == (*loaded_hw, 3)


def test_whoever_overrides_load_image_is_asked_and_nobody_else(tmp_path):
    class Drawn(Photos):
        def load_image(self, image_id):
            return np.full((40, 64, 3), 7, np.uint8)

    class Below(Drawn):
        pass

    class Changed(Photos):
        def load_image(self, image_id):
            return 255 - super().load_image(image_id)

    for kind in (Drawn, Below):
        assert (kind(tmp_path).load_image_at_least(0, (5, 8)) == np.full((40, 64, 3), 7)).all()
    changed = Changed(tmp_path)
    np.testing.assert_array_equal(changed.load_image_at_least(0, (5, 8)), changed.load_image(0))
    assigned = Photos(tmp_path)
    assigned.load_image = lambda image_id: "mine"
    assert assigned.load_image_at_least(0, (5, 8)) == "mine"


def test_whoever_overrides_read_photo_is_asked_for_both(tmp_path):
    asked = []

    class Checked(Photos):
        def read_photo(self, image_id, at_least_hw=None):
            asked.append((image_id, at_least_hw))
            return super().read_photo(image_id, at_least_hw)

    dataset = Checked(tmp_path)
    assert dataset.load_image(0).shape == (40, 64, 3) and dataset.load_image_at_least(
        0, (20, 32)
    ).shape == (20, 32, 3)
    assert asked == [(0, None), (0, (20, 32))]
