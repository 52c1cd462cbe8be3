import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, features

from mrcnn.data import dataset, image_io
from mrcnn.data.annotated_images import path_inside, read_annotated
from mrcnn.data.image_io import header, image_hw, orientation, read_image, readable_sizes

ORIENTATION = 0x0112


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def oriented(path, pixels, value, **options):
    """Save (H, W, 3) pixels with an EXIF orientation."""
    exif = Image.Exif()
    exif[ORIENTATION] = value
    Image.fromarray(pixels).save(path, exif=exif, **options)
    return path


# Colours


@pytest.mark.parametrize(
    "mode,pixel,rgb",
    [
        ("L", 9, (9, 9, 9)),
        ("RGBA", (1, 2, 3, 0), (1, 2, 3)),
        ("LA", (9, 0), (9, 9, 9)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 257 * 9, (9, 9, 9)),
        ("RGB", (1, 2, 3), (1, 2, 3)),
    ],
)
def test_every_mode_becomes_rgb(tmp_path, mode, pixel, rgb):
    image = Image.new(mode, (4, 3), pixel)
    image.putpixel((0, 0), 65535 if mode == "I;16" else pixel)
    image.save(tmp_path / "x.png")
    pixels = read_image(tmp_path / "x.png")
    assert pixels.shape == (3, 4, 3) and pixels.dtype == np.uint8 and tuple(pixels[2, 3]) == rgb
    pixels[:] = 0  # writable


def test_16_bit_colours_keep_their_upper_half(tmp_path):
    bgr = np.full((3, 4, 3), (3 * 256 + 255, 2 * 256, 200 * 256 + 128), np.uint16)
    cv2.imwrite(str(tmp_path / "x.png"), bgr)
    assert tuple(read_image(tmp_path / "x.png")[1, 1]) == (200, 2, 3)


def grey_file(path, values):
    """A picture of 16 bits of one row."""
    cv2.imwrite(str(path), np.uint16([values]))
    return path


def grey(path):
    """(n,) values of its one row."""
    pixels = read_image(path)
    assert (pixels == pixels[:, :, :1]).all()
    return pixels[0, :, 0].tolist()


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_grey_of_16_bits_keeps_its_upper_half_as_colour_does(tmp_path, ending):
    path = grey_file(tmp_path / f"x.{ending}", [0, 255, 256, 4095, 32768, 65535])
    assert grey(path) == [0, 0, 1, 15, 128, 255]
    assert grey(path) == cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[0].tolist()


@pytest.mark.filterwarnings("ignore:A gray file of 16 bits")
def test_the_brightest_pixel_of_a_frame_does_not_change_the_others(tmp_path):
    """Frames of one series: the first pixel is the same in all, the second as bright as the scene
    had it."""
    frames = [
        grey(grey_file(tmp_path / f"{value}.png", [200, value]))
        for value in (200, 255, 256, 1023, 4095, 4096, 65535)
    ]
    assert {frame[0] for frame in frames} == {0} and [frame[1] for frame in frames] == [
        0,
        0,
        1,
        3,
        15,
        16,
        255,
    ]


@pytest.mark.parametrize("brightest", [1, 255, 4095])
def test_a_16_bit_file_that_uses_12_bits_at_most_is_warned_of(tmp_path, brightest):
    with pytest.warns(UserWarning, match="12 of them or fewer.*load_image"):
        assert grey(grey_file(tmp_path / "x.png", [0, brightest])) == [0, brightest >> 8]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("brightest", [0, 4096, 65535])
def test_a_16_bit_file_that_uses_more_or_is_black_is_not_warned_of(tmp_path, brightest):
    assert grey(grey_file(tmp_path / "x.png", [0, brightest])) == [0, brightest >> 8]


@pytest.mark.filterwarnings("error")
def test_a_tiff_of_12_bits_is_white_at_4095(tmp_path):
    entries = [
        (256, 4),
        (257, 1),
        (258, 12),
        (259, 1),
        (262, 1),
        (273, 8 + 2 + 9 * 12 + 4),
        (277, 1),
        (278, 1),
        (279, 6),
    ]
    header = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, n) for tag, n in entries
    )
    packed = bytes.fromhex(
        "000 0ff 100 fff".replace(" ", "")
    )  # 0, 255, 256, 4095: three digits each
    (tmp_path / "x.tif").write_bytes(header + bytes(4) + packed)
    assert grey(tmp_path / "x.tif") == [0, 15, 16, 255]


@pytest.mark.filterwarnings("error")
def test_a_pgm_is_white_at_the_greatest_value_it_names(tmp_path):
    (tmp_path / "x.pgm").write_bytes(b"P5 3 1 4095\n" + np.array([0, 2048, 4095], ">u2").tobytes())
    assert grey(tmp_path / "x.pgm") == [0, 128, 255]


@pytest.mark.parametrize(
    "values,expected", [([0, 0.5, 1], [0, 127, 255]), ([-1, 100, 300], [0, 100, 255])]
)
def test_floats_are_0_to_1_or_0_to_255(tmp_path, values, expected):
    Image.fromarray(np.float32([values])).save(tmp_path / "x.tif")
    assert grey(tmp_path / "x.tif") == expected


@pytest.mark.filterwarnings("error")
def test_integers_of_32_bits_are_taken_for_16(tmp_path):
    Image.fromarray(np.int32([[-5, 0, 512, 65535, 10**6]])).save(tmp_path / "x.tif")
    assert grey(tmp_path / "x.tif") == [0, 0, 2, 255, 255]


def test_a_palette_becomes_its_colours_the_transparent_one_too(tmp_path):
    Image.new("RGB", (4, 3), (255, 0, 0)).quantize(4).save(tmp_path / "p.png", transparency=0)
    assert (read_image(tmp_path / "p.png") == (255, 0, 0)).all()


def test_a_grey_jpeg_becomes_rgb_at_reduced_size_too(tmp_path):
    Image.new("L", (64, 40), 77).save(tmp_path / "x.jpg")
    assert (read_image(tmp_path / "x.jpg") == np.full((40, 64, 3), 77)).all()
    assert (read_image(tmp_path / "x.jpg", at_least_hw=(20, 30)) == np.full((20, 32, 3), 77)).all()


@pytest.mark.parametrize("at_least_hw", [None, (16, 16)])
def test_cyan_ink_is_cyan_whether_it_is_stored_adobes_way_or_the_standards(tmp_path, at_least_hw):
    cyan = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    cyan.save(tmp_path / "adobe.jpg")  # PIL writes inks inverted and says "Adobe"
    Image.eval(cyan, lambda ink: 255 - ink).save(tmp_path / "x.jpg")
    data = (tmp_path / "x.jpg").read_bytes()
    start = data.index(b"\xff\xee")
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    (tmp_path / "plain.jpg").write_bytes(data[:start] + data[end:])  # inks as they are, and no mark
    for name in ("adobe.jpg", "plain.jpg"):
        pixels = read_image(tmp_path / name, at_least_hw=at_least_hw).astype(int)
        assert np.abs(pixels - (0, 255, 255)).max() <= 2, name


# Orientation


def test_the_stored_pixels_count_unless_upright_is_asked_for(tmp_path):
    pixels = np.zeros((3, 5, 3), np.uint8)
    # The row that is stored first is the right side: a quarter turn clockwise brings the corner to
    # the right.
    pixels[0, 0] = 255
    path = oriented(tmp_path / "x.png", pixels, 6)
    np.testing.assert_array_equal(read_image(path), pixels)
    upright = read_image(path, upright=True)
    assert upright.shape == (5, 3, 3) and (upright[0, 2] == 255).all() and upright.sum() == 3 * 255
    assert (image_hw(path), image_hw(path, upright=True), orientation(path)) == ((3, 5), (5, 3), 6)


@pytest.mark.parametrize("value", range(1, 9))
def test_every_orientation_turns_the_reduced_photo_as_the_whole_one(tmp_path, rng, value):
    corners = np.kron(rng.integers(0, 256, (2, 2, 3)), np.ones((32, 64, 1))).astype(np.uint8)
    path = oriented(tmp_path / "x.jpg", corners, value, quality=95, subsampling=0)
    whole = read_image(path, upright=True)
    reduced = read_image(path, upright=True, at_least_hw=(40, 30) if value >= 5 else (30, 40))
    assert whole.shape[:2] == image_hw(path, upright=True) and reduced.shape[:2] == tuple(
        n // 2 for n in whole.shape[:2]
    )
    assert np.abs(whole[8::16, 8::16].astype(int) - reduced[4::8, 4::8]).max() <= 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "junk",
    [
        b"junk",
        b"II*\0\xff\xff\xff\x7f",
        b"MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x02",
    ],
)
def test_a_photo_with_broken_exif_data_is_left_as_it_is(tmp_path, junk):
    Image.new("RGB", (5, 3)).save(tmp_path / "x.jpg", exif=b"Exif\0\0" + junk)
    assert read_image(tmp_path / "x.jpg", upright=True).shape == (3, 5, 3)


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_orientation_that_does_not_exist_is_none(tmp_path, value):
    path = oriented(tmp_path / "x.jpg", np.zeros((3, 5, 3), np.uint8), value)
    assert orientation(path) == 1 and read_image(path, upright=True).shape == (3, 5, 3)


# Reduced size


@pytest.mark.parametrize(
    "at_least_hw,read_hw",
    [
        ((75, 100), (75, 101)),
        ((75, 101), (150, 201)),
        ((38, 50), (75, 101)),
        ((37, 50), (38, 51)),
        ((18, 25), (19, 26)),
        ((1, 1), (19, 26)),
        ((1, 100), (75, 101)),
        ((900, 1), (150, 201)),
    ],
)
def test_a_jpeg_is_read_at_the_smallest_scale_that_is_large_enough_both_ways(
    tmp_path, at_least_hw, read_hw
):
    """101 wants the whole 201, which is less than twice as much, although a half is rounded up to
    101."""
    Image.new("RGB", (201, 150)).save(tmp_path / "x.jpg")
    assert read_image(tmp_path / "x.jpg", at_least_hw=at_least_hw).shape == (*read_hw, 3)
    assert read_hw in readable_sizes((150, 201))


def test_readable_sizes_are_the_whole_a_half_a_quarter_and_an_eighth_rounded_up():
    assert readable_sizes((150, 201)) == [(150, 201), (75, 101), (38, 51), (19, 26)]


def test_reducing_while_reading_is_nearly_the_mean_of_the_pixels(tmp_path, rng):
    smooth = cv2.resize(
        rng.integers(0, 256, (12, 18, 3)).astype(np.float32),
        (384, 256),
        interpolation=cv2.INTER_CUBIC,
    )
    Image.fromarray(np.clip(smooth, 0, 255).astype(np.uint8)).save(tmp_path / "x.jpg", quality=95)
    area = cv2.resize(read_image(tmp_path / "x.jpg"), (96, 64), interpolation=cv2.INTER_AREA)
    assert (
        np.abs(read_image(tmp_path / "x.jpg", at_least_hw=(64, 96)).astype(int) - area).mean() < 1
    )


def test_only_a_jpeg_can_be_reduced(tmp_path):
    Image.new("RGB", (64, 40)).save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png", at_least_hw=(5, 8)).shape == (40, 64, 3)


# What cannot be read


@pytest.mark.parametrize("keep", [0, 20, 400])
@pytest.mark.parametrize("ending", ["jpg", "png"])
@pytest.mark.parametrize("at_least_hw", [None, (10, 10)])
def test_a_broken_file_is_named(tmp_path, keep, ending, at_least_hw, rng):
    pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"x.{ending}")
    (tmp_path / f"cut.{ending}").write_bytes((tmp_path / f"x.{ending}").read_bytes()[:keep])
    with pytest.raises(OSError, match=f"cut.{ending} cannot be read"):
        read_image(tmp_path / f"cut.{ending}", at_least_hw=at_least_hw)


def _written(path, content):
    path.write_bytes(content)
    return path


def _jpeg():
    data = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(data, "JPEG")
    return data.getvalue()


def _damaged_jpeg():
    data = bytearray(_jpeg())
    middle = len(data) // 2
    data[middle : middle + 4] = b"\xff\xc4\x00\x01"  # a table without content
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"<html></html>", "it has no known image format, or its beginning is damaged"),
        (_jpeg()[:-200], "it is cut off"),
        (_damaged_jpeg(), "its data are damaged, incomplete, or of an unusual kind"),
    ],
)
def test_the_reason_is_said_in_plain_words(tmp_path, content, reason):
    path = _written(tmp_path / "x.jpg", content)
    with pytest.raises(OSError) as caught:
        read_image(path)
    told, cause = str(caught.value), str(caught.value.__cause__)
    assert told.startswith(f"{path} cannot be read as an image: {reason}. ")
    assert cause and cause not in told and told.count(str(path)) == 1


def test_a_folder_and_a_locked_file_are_said_to_be_such(tmp_path, monkeypatch):
    (tmp_path / "x.jpg").mkdir()
    with pytest.raises(OSError, match="x.jpg cannot be read as an image: it is a folder. "):
        read_image(tmp_path / "x.jpg")

    def refused(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refused)
    with pytest.raises(OSError, match="y.jpg .*: you have no permission to read it. Change"):
        read_image(_written(tmp_path / "y.jpg", _jpeg()))


def test_an_error_of_the_system_is_quoted(tmp_path, monkeypatch):
    def failed(*arguments, **options):
        raise OSError(5, "EIO")

    monkeypatch.setattr(Image, "open", failed)
    with pytest.raises(OSError, match=f"the system reports “{os.strerror(5)}”"):
        read_image(_written(tmp_path / "x.jpg", _jpeg()))


def test_a_missing_file_is_missing(tmp_path):
    for read in (read_image, image_hw, orientation):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none.jpg")


def with_header(path, change):
    """A small JPEG whose frame header, from its precision on, is changed by change(bytearray)."""
    buffer = io.BytesIO()
    Image.new("RGB", (50, 30)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    start = data.index(b"\xff\xc0") + 4
    header = data[start : start + 5]
    change(header)
    data[start : start + 5] = header
    path.write_bytes(data)
    return path


def test_a_jpeg_of_12_bits_is_refused_not_misread(tmp_path):
    def twelve(header):
        header[0] = 12

    with pytest.raises(OSError, match="deep.jpg cannot be read"):
        read_image(with_header(tmp_path / "deep.jpg", twelve))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [17_000, 60_000])
def test_a_header_that_promises_a_mountain_is_refused_before_memory_is_asked_for(tmp_path, side):
    def grow(header):
        header[1:5] = side.to_bytes(2, "big") * 2

    path = with_header(tmp_path / "bomb.jpg", grow)
    for read in (read_image, image_hw):
        with pytest.raises(OSError, match="bomb.jpg .*: it has more than 268 million pixels"):
            read(path)


@pytest.mark.slow
def test_a_photo_of_200_million_pixels_is_read_without_a_warning(tmp_path):
    Image.new("1", (16_320, 12_240)).save(tmp_path / "x.png")
    path = str(tmp_path / "x.png")
    code = f"from mrcnn.data.image_io import read_image; print(read_image({path!r}).shape)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.returncode) == ("(12240, 16320, 3)", 0), done.stderr


def test_the_limit_of_the_program_is_lifted_only_while_a_file_is_opened(tmp_path):
    """Importing the library, or reading in several threads, must not change what others in the
    process refuse."""
    Image.new("1", (10_000, 9_500)).save(tmp_path / "x.png")
    code = f"""
import warnings
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
before = Image.MAX_IMAGE_PIXELS
from mrcnn.data.image_io import image_hw
assert Image.MAX_IMAGE_PIXELS == before
warnings.simplefilter("error")
with ThreadPoolExecutor(8) as pool:
    assert set(pool.map(image_hw, [{str(tmp_path / "x.png")!r}] * 200)) == {{(9500, 10000)}}
assert Image.MAX_IMAGE_PIXELS == before
Image.MAX_IMAGE_PIXELS = None
image_hw({str(tmp_path / "x.png")!r})
assert Image.MAX_IMAGE_PIXELS is None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Kinds of files


@pytest.mark.parametrize("ending", image_io.EXTENSIONS)
def test_every_ending_belongs_to_a_kind_that_is_read(tmp_path, ending):
    kind = {".jpe": "JPEG", ".jfif": "JPEG", ".mpo": "JPEG", ".dib": "DIB", ".j2k": "JPEG2000"}.get(
        ending
    )
    if ending == ".avif" and not features.check("avif"):
        pytest.skip("this PIL does not write AVIF")
    Image.new("RGB", (9, 7), (200, 90, 90)).save(tmp_path / f"x{ending}", kind)
    assert read_image(tmp_path / f"x{ending}").shape == (7, 9, 3)


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n",
        b"\xc5\xd0\xd3\xc6" + bytes(40),
        b"%PDF-1.4\n",
        b"<svg/>",
        b"8BPS" + bytes(40),
    ],
)
def test_what_is_no_photo_is_refused_and_no_program_is_started(tmp_path, monkeypatch, content):
    (tmp_path / "x.jpg").write_bytes(content)
    monkeypatch.setattr(
        subprocess, "Popen", lambda *arguments, **options: pytest.fail("a program was started")
    )
    for read in (read_image, image_hw, orientation):
        with pytest.raises(OSError, match="x.jpg cannot be read as an image"):
            read(tmp_path / "x.jpg")


# Annotations of a photo that lies on its side


def test_a_photo_is_read_in_the_frame_of_its_annotations(tmp_path):
    pixels = np.zeros((40, 64, 3), np.uint8)
    # turned by EXIF 6, the right half
    pixels[:20] = 255
    path = oriented(tmp_path / "x.jpg", pixels, 6, quality=95)
    stored, upright = read_annotated(path, (40, 64)), read_annotated(path, (64, 40))
    assert stored.shape == (40, 64, 3) and (stored[:16] > 240).all() and (stored[24:] < 16).all()
    assert (
        upright.shape == (64, 40, 3)
        and (upright[:, 24:] > 240).all()
        and (upright[:, :16] < 16).all()
    )
    assert read_annotated(path, (64, 40), at_least_hw=(32, 20)).shape == (32, 20, 3)
    with pytest.raises(
        ValueError,
        match="Height and Width are 64 and 41, but the image is 40 high "
        "and 64 wide; with its EXIF orientation "
        "6 it is 64 high and 40 wide .*x.jpg",
    ):
        read_annotated(path, (64, 41))
    with pytest.raises(OSError, match="none.jpg"):
        read_annotated(tmp_path / "none.jpg", (1, 1))


@pytest.mark.parametrize("size_hw", [(3, 5), (5, 3)])
def test_pil_itself_turns_a_tiff_whose_size_is_that_of_the_turned_photo(tmp_path, size_hw):
    path = oriented(tmp_path / "x.tif", np.zeros((3, 5, 3), np.uint8), 6)
    assert header(path) == ((5, 3), 1) and read_image(path).shape == read_image(
        path, upright=True
    ).shape == (5, 3, 3)
    if size_hw == (5, 3):
        assert read_annotated(path, size_hw).shape == (5, 3, 3)
    else:
        with pytest.raises(ValueError, match="x.tif"):
            read_annotated(path, size_hw)


# Names of files in a data set


@pytest.mark.parametrize(
    "name",
    [
        "../x.jpg",
        "a/../../x.jpg",
        "..",
        "a\\..\\..\\x.jpg",
        "/etc/passwd",
        "link.jpg",
        "link/x.jpg",
        "",
        "\0",
    ],
)
def test_a_name_that_leaves_its_folder_is_refused(tmp_path, name):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "link.jpg").symlink_to(tmp_path / "x.jpg")
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="lies outside of|is not a file name"):
        path_inside(folder, name)


def test_a_name_inside_its_folder_may_have_folders_in_it_and_the_folder_may_be_a_link(
    tmp_path, monkeypatch
):
    (tmp_path / "photos" / "a").mkdir(parents=True)
    (tmp_path / "photos" / "inner.jpg").symlink_to(tmp_path / "photos" / "a" / "x.jpg")
    (tmp_path / "linked").symlink_to(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / "photos", tmp_path / "linked", "photos"):
        for name in ("x.jpg", "a/x.jpg", "inner.jpg", "a..b.jpg", "nothing.jpg"):
            assert path_inside(folder, name) == Path(folder) / name
    assert (
        path_inside("photos", str(tmp_path / "photos" / "x.jpg")) == tmp_path / "photos" / "x.jpg"
    )


def test_the_old_door_stays_open():
    assert dataset.read_image is image_io.read_image
