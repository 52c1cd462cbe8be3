"""Photos of an index: dates, thumbnails, states, and reading ahead."""

import io
import os
import threading

import numpy as np
import pytest
from PIL import ExifTags, Image

from fashion.retrieval.photos import (
    FileState,
    digest_of_image,
    image_name,
    read_ahead,
    read_photo,
    thumbnail_of,
)

NOISE = np.random.default_rng(0).integers(0, 256, (60, 40, 3), np.uint8)


def saved(path, date=None, orientation=None):
    exif = Image.Exif()
    if date is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = date
    if orientation:
        exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(NOISE).save(path, exif=exif)
    return path


def read(path):
    return read_photo(path, lambda path, image_hw: None)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024:05:31 18:07:59", "2024-05-31T18:07:59"),
        ("2024:05:31 18:07:59\0", "2024-05-31T18:07:59"),
        ("0000:00:00 00:00:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_dates_are_those_of_the_camera(tmp_path, text, date):
    assert read(saved(tmp_path / "p.jpg", text)).date == date


def test_photos_are_read_upright(tmp_path):
    photo = read(saved(tmp_path / "p.jpg", orientation=6))
    assert photo.image.shape == (40, 60, 3) and photo.problem is None
    assert photo.digest == digest_of_image(tmp_path / "p.jpg") and len(photo.digest) == 32


def test_broken_files_keep_their_state(tmp_path):
    path = tmp_path / "p.jpg"
    path.write_bytes(b"no image")
    photo = read(path)
    assert "cannot be read as an image" in photo.problem and photo.image is None
    assert photo.state == FileState.of(path) and photo.digest
    assert "No such file" in read(tmp_path / "absent.jpg").problem


def test_images_that_no_model_takes_are_problems(tmp_path):
    def refuse(path, image_hw):
        raise ValueError(f"{path.name} is {image_hw}")

    assert read_photo(saved(tmp_path / "p.png"), refuse).problem == "p.png is (60, 40)"


def test_thumbnails_are_small_jpegs_without_exif():
    image = np.zeros((1000, 800, 3), np.uint8)
    image[100:900, 200:600] = (0, 0, 255)
    with Image.open(io.BytesIO(thumbnail_of(image, (100.0, 200.0, 900.0, 600.0)))) as opened:
        assert opened.format == "JPEG" and max(opened.size) == 256 and not opened.getexif()
        pixels = np.asarray(opened).astype(int)
    height, width = pixels.shape[:2]
    assert pixels[height // 2, width // 2, 2] > 200 and pixels[2, 2].max() < 60  # the margin


def test_boxes_at_edges_and_thinner_than_a_pixel_have_thumbnails():
    for box in ((-5.0, -5.0, 70.0, 50.0), (10.2, 10.2, 10.4, 10.4), (59.9, 39.9, 60.0, 40.0)):
        with Image.open(io.BytesIO(thumbnail_of(NOISE, box))) as opened:
            assert min(opened.size) >= 1


def test_images_are_named_below_the_root(tmp_path):
    assert image_name(tmp_path / "a" / "b.jpg", tmp_path) == "a/b.jpg"
    assert image_name(tmp_path / "c.jpg", tmp_path / "a") == "../c.jpg"


def test_the_state_of_a_file_follows_its_time(tmp_path):
    path = saved(tmp_path / "p.png")
    before = FileState.of(path)
    os.utime(path, ns=(before.mtime_ns, before.mtime_ns + 1000))
    assert FileState.of(path) != before


def test_reading_ahead_keeps_the_order_and_a_bound():
    lock, running, most = threading.Lock(), [0], [0]

    def double(number):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        with lock:
            running[0] -= 1
        return 2 * number

    asked = []

    def numbers():
        for number in range(50):
            asked.append(number)
            yield number

    results = read_ahead(numbers(), double, 3)
    assert next(results) == 0 and len(asked) == 4
    assert list(results) == [2 * number for number in range(1, 50)] and most[0] <= 3


def test_an_error_while_reading_is_raised():
    def fail(number):
        raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        list(read_ahead(range(9), fail, 2))
