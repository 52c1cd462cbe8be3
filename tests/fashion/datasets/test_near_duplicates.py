"""Near-duplicates: which photos count as the same, whom they are grouped with, and that each is
read once."""

import itertools

import numpy as np
import pytest
from PIL import Image

from fashion.datasets import near_duplicates
from fashion.datasets.near_duplicates import groups_of, near_duplicate_groups, near_pairs, signature


def scene(seed, size=(200, 280)):
    """A picture of soft coloured patches."""
    noise = np.random.default_rng(seed).integers(0, 256, (7, 5, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def photos(tmp_path):
    """a and d are one scene, d smaller and saved anew; b and c are two others; e and f are of one
    colour."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, seed in zip("abc", range(3)):
        scene(seed).save(folder / f"{name}.jpg", quality=95)
    scene(0).resize((100, 140)).save(folder / "d.jpg", quality=50)
    for name in "ef":
        Image.new("RGB", (80, 100), (200, 30, 30)).save(folder / f"{name}.jpg")
    return sorted(folder.iterdir())


def test_bits_say_where_it_grows_brighter_and_colours_are_those_of_the_cells(tmp_path):
    ramp = np.tile(np.arange(0, 252, 4, dtype=np.uint8)[None, :, None], (72, 1, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    bits, colors = signature(tmp_path / "ramp.png")
    assert (
        np.unpackbits(bits.view(np.uint8)).tolist() == [1] * 64 + [0] * 64
    )  # brighter to the right, not downwards
    first = colors.reshape(8, 8, 3)[0, :, 0].astype(int)
    assert (
        abs(first[0] - 14) <= 2 and (np.diff(first) > 0).all()
    )  # seven or eight columns of 0, 4, 8 …


def test_a_copy_belongs_to_the_first_photo_by_name_and_other_scenes_to_themselves(photos):
    assert near_duplicate_groups(photos).tolist() == [0, 1, 2, 0, 4, 5]
    turned = photos[::-1]  # d.jpg comes before a.jpg now
    assert near_duplicate_groups(turned).tolist() == [0, 1, 5, 3, 4, 5]


def test_near_pairs_are_all_that_meet_both_limits():
    """Against comparing bit by bit and pair by pair."""
    rng = np.random.default_rng(0)
    bits = rng.random((1, 128)) < 0.5
    bits = bits ^ (rng.random((300, 128)) < 0.07)
    hashes = np.packbits(bits, axis=1).view(np.uint64)
    colors = rng.integers(0, 60, (300, 192), np.uint8) + rng.integers(0, 100, 192).astype(np.uint8)
    cells = colors.reshape(300, 64, 3).astype(float)
    correlation = np.corrcoef((cells - cells.mean(axis=1, keepdims=True)).reshape(300, 192))
    limit = float(np.median(correlation))
    expected = [
        (i, j)
        for i, j in itertools.combinations(range(300), 2)
        if (bits[i] != bits[j]).sum() <= 16 and correlation[i, j] >= limit
    ]
    assert 1000 < len(expected) < 40000
    assert sorted(map(tuple, near_pairs(hashes, colors, 16, limit).tolist())) == expected


def test_clothes_of_other_colours_on_the_same_ground_are_no_copies():
    """A red and a blue shirt, laid out alike on white."""
    colors = np.full((2, 8, 8, 3), 255, np.uint8)
    colors[0, 2:6, 2:6], colors[1, 2:6, 2:6] = (200, 20, 20), (20, 20, 200)
    same = np.zeros((2, 2), np.uint64)
    assert (
        len(near_pairs(same, colors.reshape(2, -1))) == 0
        and len(near_pairs(same, colors[[0, 0]].reshape(2, -1))) == 1
    )


def test_no_pair_is_parted_and_the_first_gives_its_name():
    """A burst, 0-1 and 2-3-4 linked by 1-3, each like some of the others; and 5 by itself."""
    chain = np.array([[0, 1], [2, 3], [3, 4], [1, 3]])
    assert groups_of(chain, np.arange(6)).tolist() == [0, 0, 0, 0, 0, 5]
    assert groups_of(chain[:3], np.array([1, 0, 4, 3, 2, 5])).tolist() == [
        1,
        1,
        4,
        4,
        4,
        5,
    ]  # where 1 and 4 come first
    assert groups_of(np.zeros((0, 2), int), np.arange(2)).tolist() == [0, 1]


def test_a_photo_is_read_once_until_it_changes(photos, monkeypatch):
    read = []
    monkeypatch.setattr(
        near_duplicates, "signature", lambda path: read.append(path.name) or signature(path)
    )
    near_duplicate_groups(photos)
    near_duplicate_groups(photos[:2])
    assert len(read) == 6
    scene(7, (210, 290)).save(photos[1])
    near_duplicate_groups(photos)
    assert read[6:] == ["b.jpg"]


def test_what_was_read_before_a_stop_is_not_read_again(photos, monkeypatch):
    read = []

    def stopped(path):
        if path.name == "e.jpg":
            raise KeyboardInterrupt
        return signature(path)

    monkeypatch.setattr(near_duplicates, "_CHUNK", 2)
    monkeypatch.setattr(near_duplicates, "signature", stopped)
    with pytest.raises(KeyboardInterrupt):
        near_duplicate_groups(photos)
    monkeypatch.setattr(
        near_duplicates, "signature", lambda path: read.append(path.name) or signature(path)
    )
    near_duplicate_groups(photos)
    assert sorted(read) == ["e.jpg", "f.jpg"]


def test_a_broken_photo_is_named_and_like_no_other(tmp_path, caplog):
    paths = [tmp_path / "x.jpg", tmp_path / "y.jpg"]
    for path in paths:
        path.write_bytes(b"no photo")
    assert near_duplicate_groups(paths).tolist() == [0, 1]
    assert "x.jpg cannot be read" in caplog.text and "y.jpg cannot be read" in caplog.text
    with pytest.raises(OSError, match="x.jpg cannot be read"):
        signature(paths[0])
