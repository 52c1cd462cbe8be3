"""Paths that options name: what is said of one that does not exist."""

from pathlib import Path

import pytest

from fashion.cli.paths import find_images, nothing_at


def test_a_mistyped_path_gets_the_nearest_name(tmp_path, monkeypatch):
    (tmp_path / "Photo.jpg").touch()
    assert nothing_at(tmp_path / "photo.jgp", "image") == (
        f"There is no image {tmp_path / 'photo.jgp'}. Did you mean {tmp_path / 'Photo.jpg'}?"
    )
    monkeypatch.chdir(tmp_path)
    assert nothing_at(Path("photo.jgp"), "image") == (
        f"There is no image photo.jgp. It was looked for in {tmp_path}. Did you mean Photo.jpg?"
    )


def test_what_is_like_no_other_name_gets_no_suggestion(tmp_path):
    (tmp_path / "Photo.jpg").touch()
    assert nothing_at(tmp_path / "x", "data set") == f"There is no data set {tmp_path / 'x'}."
    gone = tmp_path / "gone" / "x.jpg"
    assert nothing_at(gone, "image") == (
        f"There is no image {gone}. There is no folder {gone.parent} either."
    )


def test_images_that_are_missing_say_what_may_be_given(tmp_path):
    with pytest.raises(FileNotFoundError, match="Give image files, or folders of images."):
        find_images([tmp_path / "nothing"])
