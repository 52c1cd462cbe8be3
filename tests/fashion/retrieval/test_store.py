"""GarmentStore: what is new, changed, moved away or broken, and transactions."""

import os
import sqlite3

import numpy as np
import pytest
from PIL import Image

from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.store import GarmentStore

pytest.importorskip("faiss", reason="the extra [catalogue] is not installed")


def files_in(photos):
    return sorted(photos.rglob("*.png"))


def images_of(folder):
    with GarmentIndex.open(folder) as index:
        return {garment.image for garment in index.garments()}


def test_what_is_unchanged_is_not_predicted_again(made, photos, fill, color_model):
    assert color_model.seen == 5
    (vectors,) = made.glob("*.faiss")
    before = vectors.stat().st_mtime_ns
    plan = fill(made, files_in(photos), photos)
    assert (plan.todo, plan.unchanged, plan.removed) == ([], 5, [])
    assert color_model.seen == 5 and vectors.stat().st_mtime_ns == before


def test_a_touched_file_is_compared_by_its_content(made, photos, fill, color_model):
    os.utime(photos / "0.png", ns=(10**18, 10**18))
    assert fill(made, files_in(photos), photos).todo == []
    store = GarmentStore(made)
    rows = store._rows("SELECT mtime_ns FROM images WHERE path = '0.png'")
    store.close()
    assert rows == [(10**18,)] and color_model.seen == 5


def test_a_changed_file_is_predicted_again(made, photos, fill, draw_image):
    Image.fromarray(draw_image((255, 255, 255), (0, 0, 0))).save(photos / "0.png")
    assert fill(made, files_in(photos), photos).todo == [photos / "0.png"]
    with GarmentIndex.open(made) as index:
        own = index.of_image("0.png")
        assert [garment.colors for garment in own] == [["#ffffff"], ["#000000"]]
        assert [garment.id for garment in own] == [10, 11]  # 1 is never given again
        assert len(index) == 10


def test_files_that_are_gone_are_removed(made, photos, fill):
    (photos / "0.png").unlink()
    assert fill(made, files_in(photos), photos).removed == ["0.png"]
    assert "0.png" not in images_of(made)


def test_files_that_were_not_named_stay(made, photos, fill):
    plan = fill(made, [photos / "1.png"], photos)
    assert (plan.unchanged, plan.removed) == (1, []) and len(images_of(made)) == 5


def test_images_outside_the_root_are_named_from_it(made, photos, fill, tmp_path, draw_image):
    Image.fromarray(draw_image((1, 2, 3))).save(tmp_path / "other.png")
    fill(made, [tmp_path / "other.png"], photos)
    assert "../other.png" in images_of(made)


def test_an_index_is_not_emptied_because_a_disk_is_missing(made, photos, fill, tmp_path):
    photos.rename(tmp_path / "moved")
    with pytest.raises(OSError, match="is not there, so all images would be removed"):
        fill(made, files_in(tmp_path / "moved"), photos)


def test_broken_images_are_tried_again_when_they_change(made, photos, fill, draw_image, capsys):
    (photos / "9.png").write_bytes(b"no image")
    fill(made, files_in(photos), photos)
    assert "9.png cannot be read as an image" in capsys.readouterr().err
    assert fill(made, files_in(photos), photos).todo == []
    store = GarmentStore(made)
    assert store.counts() == (9, 5) and len(store.problems(files_in(photos))) == 1
    store.close()
    Image.fromarray(draw_image((1, 2, 3))).save(photos / "9.png")
    fill(made, files_in(photos), photos)
    assert "9.png" in images_of(made)


def test_an_image_without_garments_is_done(photos, fill, tmp_path):
    Image.fromarray(np.zeros((20, 60, 3), np.uint8)).save(photos / "none.png")
    fill(tmp_path / "index", [photos / "none.png"], photos)
    assert fill(tmp_path / "index", [photos / "none.png"], photos).unchanged == 1
    with GarmentIndex.open(tmp_path / "index") as index:
        assert len(index) == 0 and index.images() == {"none.png": (20, 60)}


def test_a_file_that_is_named_twice_is_done_once(photos, fill, tmp_path, color_model):
    fill(tmp_path / "index", [photos / "0.png"] * 3, photos)
    assert color_model.seen == 1


def test_an_image_is_written_as_a_whole_or_not_at_all(made, photos, fill, draw_image, monkeypatch):
    before = images_of(made)
    add = GarmentStore._add

    def fail(self, image_id, garment, parts, i):
        add(self, image_id, garment, parts, i)
        if i == 1:
            raise RuntimeError("killed")

    Image.fromarray(draw_image((1, 1, 1), (2, 2, 2), (3, 3, 3))).save(photos / "0.png")
    monkeypatch.setattr(GarmentStore, "_add", fail)
    with pytest.raises(RuntimeError, match="killed"):
        fill(made, files_in(photos), photos)
    with GarmentIndex.open(made) as index:
        assert len(index) == 9 and images_of(made) == before
    monkeypatch.undo()
    fill(made, files_in(photos), photos)
    with GarmentIndex.open(made) as index:
        assert [garment.id for garment in index.of_image("0.png")] == [10, 11, 12]


def test_vectors_stay_until_the_index_has_doubled(made, photos, fill, draw_image):
    rng = np.random.default_rng(1)

    def grow(names):
        for name in names:
            Image.fromarray(draw_image(*rng.integers(0, 256, (2, 3)))).save(photos / name)
        fill(made, files_in(photos), photos)
        with GarmentIndex.open(made) as index:
            return len(index), index.meta["vector"]["mean"], index.vector(2)

    count, mean, vector = grow(["5.png", "6.png", "7.png", "8.png"])
    assert count == 17
    with GarmentIndex.open(made) as index:
        assert index.meta["vector"]["count"] == 9  # not yet twice as many
    count, other_mean, other_vector = grow(["9.png"])
    assert count == 19 and other_mean != mean and (other_vector != vector).any()


def test_a_locked_database_is_named(made, photos, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout, **o: connect(path, 0.1, **o))
    other = connect(made / "garments.sqlite")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OSError, match=r"garments\.sqlite cannot be used: database is locked"):
        GarmentStore(made)
    other.close()
