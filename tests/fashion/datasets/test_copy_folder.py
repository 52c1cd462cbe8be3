import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fashion.datasets.copy_folder import CopyFolder, size_text
from fashion.datasets.files import find_data


@pytest.fixture
def folder(make_folder, tmp_path):
    """folder(longest=…, quality=…) -> a CopyFolder of the same data set of 2020 every time."""
    source = make_folder(2020)
    (source / "label_descriptions.json").write_text('{"categories": [], "attributes": []}')
    return lambda longest=10, quality=92: CopyFolder(
        tmp_path / "copy", find_data(source), longest, quality
    )


def test_a_copy_has_the_folders_and_the_labels_of_its_source(folder):
    folder().begin()
    assert sorted(path.name for path in folder().path.iterdir()) == [
        "label_descriptions.json",
        "prepared.json",
        "train",
    ]
    assert (
        folder().place_of(folder().files.images_dir / "a.jpg") == folder().path / "train" / "a.jpg"
    )


def test_the_same_may_be_begun_again_and_other_settings_may_not(folder):
    folder().begin()
    folder().begin()
    with pytest.raises(ValueError, match="longest was 10 and is 12, quality was 92 and is 80"):
        folder(12, 80).begin()


@pytest.mark.parametrize(
    "name,said",
    [("train.csv", "train.csv has changed"), ("label_descriptions.json", "labels has changed")],
)
def test_a_source_that_changed_is_told(folder, name, said):
    folder().begin()
    with open(folder().files.folder / name, "a") as file:
        file.write(" ")
    with pytest.raises(ValueError, match=said):
        folder().begin()


def test_no_other_folder_is_touched(folder):
    folder().path.mkdir()
    (folder().path / "thesis.txt").write_text("x")
    with pytest.raises(ValueError, match="not begun by this command"):
        folder().begin()
    for path in (folder().files.folder, folder().files.images_dir / "small"):
        with pytest.raises(ValueError, match="where the photos are"):
            CopyFolder(path, folder().files, 10, 92).begin()


def test_what_a_killed_run_left_half_written_goes_away(folder):
    folder().begin()
    (folder().path / "train" / ".a.writing-0123abcd.jpg").write_bytes(b"half")
    (folder().path / "train" / ".ipynb_checkpoints").mkdir()
    (folder().path / "train" / "b.jpg").write_bytes(b"whole")
    folder().begin()
    assert sorted(path.name for path in (folder().path / "train").iterdir()) == [
        ".ipynb_checkpoints",
        "b.jpg",
    ]


def test_a_photo_that_is_newer_than_its_copy_has_none(folder):
    folder().begin()
    photo = folder().files.images_dir / "a.jpg"
    assert not folder().has(photo)
    folder().place_of(photo).write_bytes(b"copy")
    assert folder().has(photo)
    later = folder().place_of(photo).stat().st_mtime + 9
    os.utime(photo, (later, later))
    assert not folder().has(photo)


def test_the_disk_must_hold_what_is_still_missing(folder, monkeypatch):
    """Twenty photos of noise at a size that is copied byte by byte: all copies together are as
    large as all photos."""
    begun = folder(longest=64)
    begun.begin()
    photos = [begun.files.images_dir / f"n{i}.jpg" for i in range(20)]
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3)).astype(np.uint8)
    for path, pixels in zip(photos, noise):
        Image.fromarray(pixels).save(path)
    (begun.files.images_dir / "n0.jpg").write_bytes(b"broken, which is not its business")
    rows, size = (
        begun.files.train_csv.stat().st_size,
        np.mean([photo.stat().st_size for photo in photos[1:]]),
    )

    def free(count):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=count))

    free(rows + 1.3 * 20 * size)
    begun.check_space(photos)
    free(rows + 1.1 * 20 * size)
    with pytest.raises(OSError, match=r"will take about [\d.]+ kB more"):
        begun.check_space(photos)
    for photo in photos[::2]:
        begun.place_of(photo).write_bytes(b"done")
    begun.check_space(photos)


@pytest.mark.parametrize(
    "count,text",
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (21_400_000, "21.4 MB"),
        (3.2e9, "3.2 GB"),
        (1.2345e12, "1,234.5 GB"),
    ],
)
def test_sizes_are_told_for_people(count, text):
    assert size_text(count) == text
