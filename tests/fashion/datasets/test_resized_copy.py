import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fashion.datasets import resized_copy
from fashion.datasets.imaterialist import load_imaterialist
from fashion.datasets.resized_copy import copy_hw, copy_rows, encode_copy, header
from fashion.formats import rle
from fashion.labels.ontology import official
from mrcnn.data.image_io import image_hw, orientation, read_image


@pytest.mark.parametrize(
    "photo_hw,longest,expected",
    [
        ((3000, 2000), 1024, (1024, 682)),
        ((2000, 3001), 1024, (682, 1024)),
        ((1024, 700), 1024, (1024, 700)),
        ((10, 9), 1024, (10, 9)),
        ((1025, 1025), 1024, (1024, 1024)),
        ((5, 4000), 1024, (1, 1024)),
        ((1, 4000), 1024, (1, 1024)),
    ],
)
def test_the_longer_side_shrinks_to_the_limit_and_the_other_is_rounded_down(
    photo_hw, longest, expected
):
    assert copy_hw(photo_hw, longest) == expected


def copied(tmp_path, path, *settings):
    (tmp_path / f"copy{path.suffix}").write_bytes(encode_copy(path, *settings))
    return tmp_path / f"copy{path.suffix}"


def test_a_small_photo_is_copied_byte_by_byte(tmp_path):
    Image.new("L", (30, 20), 7).save(tmp_path / "x.jpg", quality=31)
    assert encode_copy(tmp_path / "x.jpg", 30, 92) == (tmp_path / "x.jpg").read_bytes()


@pytest.mark.parametrize("longest,hw", [(30, (20, 30)), (15, (10, 15))])
def test_a_photo_keeps_lying_on_its_side_and_loses_the_tag_that_turns_it(tmp_path, longest, hw):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 15:] = (200, 100, 50)
    Image.fromarray(pixels).save(tmp_path / "x.jpg", exif=exif, quality=95, subsampling=0)
    copy = copied(tmp_path, tmp_path / "x.jpg", longest, 95)
    assert (
        image_hw(copy, upright=True) == hw
        and orientation(copy) == 1
        and not Image.open(copy).getexif()
    )
    left, right = np.array_split(read_image(copy).astype(int), [hw[1] // 2], axis=1)
    assert np.abs(left[:, :-2]).max() < 12 and np.abs(right[:, 3:] - (200, 100, 50)).max() < 12


@pytest.mark.parametrize("longest,hw", [(30, (30, 20)), (15, (15, 10))])
def test_a_photo_that_was_annotated_upright_is_copied_upright(tmp_path, longest, hw):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 15:] = (200, 100, 50)
    Image.fromarray(pixels).save(tmp_path / "x.jpg", exif=exif, quality=95, subsampling=0)
    (tmp_path / "copy.jpg").write_bytes(
        encode_copy(tmp_path / "x.jpg", longest, 95, annotated_hw=(30, 20))
    )
    copy = read_image(tmp_path / "copy.jpg").astype(int)
    assert copy.shape[:2] == hw and orientation(tmp_path / "copy.jpg") == 1
    upper, lower = np.array_split(copy, [hw[0] // 2])
    assert np.abs(upper[:-2]).max() < 12 and np.abs(lower[3:] - (200, 100, 50)).max() < 12
    assert encode_copy(tmp_path / "x.jpg", longest, 95, annotated_hw=(20, 30)) == encode_copy(
        tmp_path / "x.jpg", longest, 95
    )


@pytest.mark.parametrize("year", [2019, 2020])
def test_an_image_without_objects_keeps_the_row_that_says_so(make_folder, year):
    ending = ".jpg" if year == 2019 else ""
    folder = make_folder(year, [[f"b{ending}", "", "", []], [f"a{ending}", "1 5", 1, []]])
    dataset = load_imaterialist(folder / "train.csv", folder / "train", official(year))
    rows, lost = copy_rows(dataset, 0, 10)
    assert (rows, lost) == ([[f"b{ending}", "", 10, 7, *[""] * (year - 2018)]], 0) and len(
        rows[0]
    ) == len(header(year))


def test_a_pixel_of_the_copy_is_the_mean_of_those_it_covers(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    means = pixels.reshape(30, 2, 20, 2, 3).mean(axis=(1, 3))
    copy = read_image(copied(tmp_path, tmp_path / "x.png", 30, 92))
    assert copy.shape == (30, 20, 3) and np.abs(copy - means).max() <= 0.5


def test_a_large_jpeg_is_read_at_no_less_than_twice_the_copys_size(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        resized_copy,
        "read_image",
        lambda path, upright, at_least_hw: asked.append(at_least_hw) or read_image(path),
    )
    Image.new("RGB", (400, 300)).save(tmp_path / "x.jpg")
    encode_copy(tmp_path / "x.jpg", 100, 92)
    assert asked == [(150, 200)]


@pytest.mark.parametrize(
    "ending,kind",
    [
        ("jpg", "JPEG"),
        ("JPEG", "JPEG"),
        ("png", "PNG"),
        ("webp", "WEBP"),
        ("bmp", "BMP"),
        ("tif", "TIFF"),
        ("jpe", "JPEG"),
    ],
)
def test_a_copy_keeps_the_kind_of_its_name(tmp_path, ending, kind):
    Image.new("RGB", (400, 300)).save(tmp_path / f"x.{ending}")
    assert Image.open(io.BytesIO(encode_copy(tmp_path / f"x.{ending}", 100, 92))).format == kind


def test_a_broken_small_photo_is_not_copied(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "x.jpg")
    (tmp_path / "x.jpg").write_bytes((tmp_path / "x.jpg").read_bytes()[:-200])
    with pytest.raises(OSError, match="x.jpg cannot be read"):
        encode_copy(tmp_path / "x.jpg", 1024, 92)


@pytest.mark.parametrize("year", [2019, 2020])
def test_the_rows_of_a_copy_are_those_of_the_photo_in_its_size(make_folder, year):
    """a.jpg, 20 x 14: a square of 5 in the corner, and one of 8 at (4, 3). At half the size rows 1,
    3, 5 … and columns 1, 3, 5 … remain."""
    folder = make_folder(year)
    dataset = load_imaterialist(folder / "train.csv", folder / "train", official(year))
    first, second = make_folder.square(0, 0, 2, (10, 7)), make_folder.square(2, 1, 4, (10, 7))
    ending, high = (".jpg", 91) if year == 2019 else ("", 340)
    labels = [[f"0_3_{high}"], ["23"]] if year == 2019 else [[0, f"3,{high}"], [23, ""]]
    rows, lost = copy_rows(dataset, 0, 10)
    assert rows == [
        [f"a{ending}", rle.encode(first), 10, 7, *labels[0]],
        [f"a{ending}", rle.encode(second), 10, 7, *labels[1]],
    ]
    assert lost == 0 and [len(row) for row in rows] == [len(header(year))] * 2
    assert (
        copy_rows(dataset, 0, 1)[1] == 1
    )  # a single pixel shows the middle of the photo, (10, 7): the first square is not there


def test_a_photo_that_is_small_enough_keeps_its_runs_letter_by_letter(make_folder):
    folder = make_folder(2020, [["a", "2 2  9 1", 0, []], ["a", "1 3", 1, []]])
    dataset = load_imaterialist(folder / "train.csv", folder / "train", official(2020))
    assert [row[1] for row in copy_rows(dataset, 0, 20)[0]] == ["2 2  9 1", "1 3"]


def test_unusual_spaces_between_runs_change_nothing():
    """Two masks of 4 x 4, of which the middle rows and columns 1 and 3 remain."""
    texts = [" 6  1 8 1\t14 1", "16 1"]
    rows = SimpleNamespace(
        rows_of=lambda i: range(2),
        class_ids=np.array([1, 2]),
        first_attribute=np.zeros(3, int),
        attributes=[],
    )
    dataset = SimpleNamespace(
        image_hw=lambda i: (4, 4),
        runs=lambda i: texts,
        image_info=[{"id": "a"}],
        year=2020,
        ontology=official(2020),
        annotations=rows,
    )
    assert [row[1] for row in copy_rows(dataset, 0, 2)[0]] == ["1 3", "4 1"]
