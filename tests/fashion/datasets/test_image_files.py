import os
from pathlib import Path

import pytest
from PIL import Image

from fashion.datasets import image_files
from fashion.datasets.files import list_images
from fashion.datasets.image_files import find_images, image_faults

SIZES = [(20, 14)] * 3


@pytest.fixture
def folder(make_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("FASHION_CACHE_DIR", raising=False)
    return make_folder.write_images(tmp_path / "data" / "train")


@pytest.fixture
def opened(monkeypatch):
    """A list of the names of the photos that are opened."""
    seen, read = [], image_files._read_header
    monkeypatch.setattr(
        image_files, "_read_header", lambda path: seen.append(Path(path).name) or read(path)
    )
    return seen


def faults(folder, sizes_hw=SIZES):
    return image_faults(find_images(["a", "b", "c"], [folder]), sizes_hw, check=True)


def test_photos_are_found_with_and_without_ending_in_the_first_folder_that_has_them(
    folder, make_folder, tmp_path
):
    more = make_folder.write_images(tmp_path / "more", ["c", "d"])
    found = find_images(["a.jpg", "b", "c", "d", "e"], [folder, more])
    assert [photo and photo.path for photo in found] == [
        str(folder / "a.jpg"),
        str(folder / "b.jpg"),
        str(folder / "c.jpg"),
        str(more / "d.jpg"),
        None,
    ]


def test_endings_in_capitals_and_accents_of_two_characters_are_found(folder):
    for old, new in (("a.jpg", "a.JPG"), ("b.jpg", "cafe\u0301.Jpeg"), ("c.jpg", "c.jpg")):
        (folder / old).rename(folder / new)
    found = find_images(["a.jpg", "a", "caf\u00e9", "c", "A"], [folder])
    assert [photo and photo.name for photo in found] == [
        "a.JPG",
        "a.JPG",
        "cafe\u0301.Jpeg",
        "c.jpg",
        None,
    ]


def test_a_photo_is_opened_once(folder, opened):
    assert [faults(folder) for _ in range(2)] == [[None] * 3] * 2 and sorted(opened) == [
        "a.jpg",
        "b.jpg",
        "c.jpg",
    ]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["train", "train.photos.index"]


def test_the_annotations_may_say_another_size_next_time(folder, opened):
    faults(folder)
    assert (
        faults(folder, [(20, 14), (14, 20), (20, 14)])
        == [None, "Height and Width are 14 and 20, but the image is 20 high and 14 wide", None]
        and len(opened) == 3
    )


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_changed_photo_is_opened_again(folder, opened, change):
    faults(folder)
    path, status = folder / "b.jpg", os.stat(folder / "b.jpg")
    if change == "size":
        path.write_bytes(path.read_bytes()[:-9])
        os.utime(path, ns=(0, status.st_mtime_ns))
    else:
        os.utime(path, ns=(0, status.st_mtime_ns + 1))
    assert faults(folder)[1] == (
        "b.jpg cannot be read as an image" if change == "size" else None
    ) and opened[3:] == ["b.jpg"]


def test_a_broken_photo_is_tried_again_at_every_start(folder, opened):
    (folder / "b.jpg").write_bytes(b"nothing")
    assert [faults(folder)[1] for _ in range(2)] == [
        "b.jpg cannot be read as an image"
    ] * 2 and opened[3:] == ["b.jpg"]


def test_who_is_stopped_goes_on_where_he_was(folder, monkeypatch):
    monkeypatch.setattr(image_files, "_CHUNK", 1)
    seen = []

    def read_header(path):
        seen.append(Path(path).name)
        if seen == ["a.jpg", "b.jpg"]:
            raise KeyboardInterrupt
        return 20, 14, 1

    monkeypatch.setattr(image_files, "_read_header", read_header)
    with pytest.raises(KeyboardInterrupt):
        faults(folder)
    assert faults(folder) == [None] * 3 and seen == ["a.jpg", "b.jpg", "b.jpg", "c.jpg"]


def test_photos_of_several_lists_share_what_is_known_of_their_folder(folder, opened):
    for name in ("a", "b", "a"):
        assert image_faults(find_images([name], [folder]), [(20, 14)], check=True) == [None]
    assert opened == ["a.jpg", "b.jpg"]


def test_a_missing_photo_between_others_is_the_one_without_a_file(folder):
    (folder / "b.jpg").unlink()
    assert faults(folder, [(20, 14), (20, 14), (1, 1)]) == [
        None,
        "there is no such image in the folder of photos",
        "Height and Width are 1 and 1, but the image is 20 high and 14 wide",
    ]


def test_without_the_check_no_photo_is_opened_and_nothing_written(folder, opened):
    (folder / "b.jpg").unlink()
    assert image_faults(find_images(["a", "b"], [folder]), SIZES[:2], check=False)[0] is None
    assert opened == [] and len(list(folder.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("orientation", "size_hw", "fault"),
    [
        (6, (14, 20), None),
        (6, (20, 14), None),
        (8, (14, 20), None),
        (3, (20, 14), None),
        (1, (20, 14), None),
        (6, (20, 15), "with its EXIF orientation 6 it is 14 high and 20 wide"),
        (3, (14, 20), "its EXIF orientation 3 does not change that"),
        (1, (14, 20), "but the image is 20 high and 14 wide"),
    ],
)
def test_a_photo_that_exif_turns_has_either_size_and_a_conflict_names_it(
    folder, orientation, size_hw, fault
):
    turned(folder / "b.jpg", (20, 14), orientation)
    for _ in range(2):  # the second time from the index
        found = faults(folder, [(20, 14), size_hw, (20, 14)])[1]
        assert (
            found is None
            if fault is None
            else found.endswith(fault) and found.startswith("Height and Width are")
        )


def turned(path, size_hw, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size_hw[::-1], (200, 90, 90)).save(path, exif=exif)


def test_a_turn_that_changes_no_size_is_warned_of_once(folder, caplog):
    turned(folder / "a.jpg", (20, 14), 3)
    turned(folder / "b.jpg", (14, 14), 6)
    assert faults(folder, [(20, 14), (14, 14), (20, 14)]) == [None] * 3
    assert (
        len(caplog.records) == 1
        and "2 photos are turned or mirrored by their EXIF orientation" in caplog.text
    )


def test_a_link_out_of_the_folder_is_no_photo_and_is_not_opened(folder, opened, tmp_path):
    (folder / "b.jpg").rename(tmp_path / "elsewhere.jpg")
    (folder / "b.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    assert "lies outside of" in faults(folder)[1] and "b.jpg" not in opened
    assert (
        "lies outside of" in image_faults(find_images(["b"], [folder]), SIZES[:1], check=False)[0]
    )
    (folder / "b.jpg").unlink()
    (folder / "b.jpg").symlink_to("a.jpg")
    assert faults(folder) == [None] * 3
    (tmp_path / "linked").symlink_to(folder)  # the folder itself may be a link
    assert image_faults(find_images(["a", "b"], [tmp_path / "linked"]), SIZES[:2], check=True) == [
        None,
        None,
    ]


def test_names_with_folders_in_them_are_not_looked_for_elsewhere(folder, tmp_path):
    (folder / "a.jpg").rename(tmp_path / "a.jpg")
    assert (
        find_images(["../../a", "../../a.jpg", str(tmp_path / "a"), "..", "", "."], [folder])
        == [None] * 6
    )


@pytest.mark.parametrize(
    "ending", ["webp", "bmp", "tif", "tiff", "gif", "jfif", "jpe", "PNG", "ppm", "WebP"]
)
def test_every_kind_of_photo_that_is_read_is_found(folder, ending):
    kind = {"jfif": "JPEG", "jpe": "JPEG", "tif": "TIFF"}.get(ending, ending.upper())
    Image.new("RGB", (14, 20)).save(folder / f"d.{ending}", kind)
    assert image_faults(find_images(["d"], [folder]), SIZES[:1], check=True) == [None]
    assert folder / f"d.{ending}" in list_images(folder)


def test_photos_of_a_kind_that_is_not_read_are_told(folder, caplog):
    (folder / "phone.HEIC").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    (folder / "folder.jpg").mkdir()
    assert [path.name for path in list_images(folder)] == ["a.jpg", "b.jpg", "c.jpg"]
    assert len(caplog.records) == 1 and "1 file in" in caplog.text and "phone.HEIC" in caplog.text
