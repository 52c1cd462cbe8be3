import logging

import numpy as np
import pytest
from PIL import Image

from mrcnn.data.dataset import Dataset, read_image


class Shapes(Dataset):
    """As Matterport's users write it: the dataset passes itself as class_map, and returns uint8 masks."""

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
    assert shapes.sources == ["", "shapes"] and shapes.source_class_ids == {"": [0], "shapes": [0, 1, 2]}


def test_source_class_ids_map_both_ways(shapes):
    assert shapes.map_source_class_id("shapes.9") == 2
    assert shapes.get_source_class_id(2, "shapes") == 9
    with pytest.raises(ValueError, match="comes from 'shapes'"):
        shapes.get_source_class_id(2, "coco")


def test_extras_are_kept_in_image_info(shapes):
    assert shapes.image_info[0] == {"id": "a", "source": "shapes", "path": "a.png", "width": 4, "height": 3,
                                    "labels": ["7"]}
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
    assert shapes.image_class_ids(0).tolist() == [1, 2] and shapes.image_class_ids(0).dtype == np.int32
    assert shapes.load_instance_fields(0) == {}


def test_without_load_mask_an_image_has_no_objects(tmp_path, caplog):
    Image.new("RGB", (5, 3)).save(tmp_path / "x.png")
    dataset = Dataset()
    dataset.add_image("s", 0, tmp_path / "x.png")
    dataset.prepare()
    with caplog.at_level(logging.WARNING):
        masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (3, 5, 0) and class_ids.shape == (0,) and "not overridden" in caplog.text


@pytest.mark.parametrize("mode,pixel,rgb", [
    ("L", 9, (9, 9, 9)), ("RGBA", (1, 2, 3, 0), (1, 2, 3)), ("LA", (9, 0), (9, 9, 9)),
    ("1", 1, (255, 255, 255)),
    ("I;16", 65535, (255, 255, 255)), ("I;16", 257 * 9, (9, 9, 9)), ("RGB", (1, 2, 3), (1, 2, 3))])
def test_every_mode_becomes_rgb(tmp_path, mode, pixel, rgb):
    image = Image.new(mode, (4, 3), pixel)
    image.putpixel((0, 0), 65535 if mode == "I;16" else pixel)
    image.save(tmp_path / "x.png")
    pixels = read_image(tmp_path / "x.png")
    assert pixels.shape == (3, 4, 3) and pixels.dtype == np.uint8 and tuple(pixels[2, 3]) == rgb
    pixels[:] = 0   # writable


def test_cmyk_and_palette_become_rgb(tmp_path):
    Image.new("CMYK", (4, 3), (0, 0, 0, 0)).save(tmp_path / "x.jpg")
    assert (read_image(tmp_path / "x.jpg") > 250).all()
    Image.new("RGB", (4, 3), (255, 0, 0)).quantize(4).save(tmp_path / "p.png")
    assert tuple(read_image(tmp_path / "p.png")[0, 0]) == (255, 0, 0)


def test_exif_orientation_is_not_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5, 3)).save(tmp_path / "x.jpg", exif=exif)
    assert read_image(tmp_path / "x.jpg").shape == (3, 5, 3)


@pytest.mark.parametrize("keep", [0, 20, 400])
def test_a_broken_file_is_named(tmp_path, keep, rng):
    pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.jpg")
    whole = (tmp_path / "x.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[:keep])
    with pytest.raises(OSError, match="cut.jpg cannot be read"):
        read_image(tmp_path / "cut.jpg")


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.jpg")


@pytest.fixture
def rng():
    return np.random.default_rng(0)
