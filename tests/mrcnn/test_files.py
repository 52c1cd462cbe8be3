"""Files are whole or absent: what is left behind after success and after failure."""
import csv
import os
import stat

import pytest

from mrcnn.files import atomic_path, digest_of, long_cells, remove_leftovers, write_text


def test_a_text_is_written_with_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b" / "note.txt", "Größe ½\n")
    assert (tmp_path / "a" / "b" / "note.txt").read_bytes() == "Größe ½\n".encode()


def test_a_failure_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "data.csv"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="power"), atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError("power cut")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_nothing_is_seen_under_the_name_before_the_end(tmp_path):
    path = tmp_path / "weights.h5"
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"1234")
        assert not path.exists() and temporary.parent == tmp_path and temporary.suffix == ".h5"
    assert path.read_bytes() == b"1234" and list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: order.append(("fsync", os.fstat(handle).st_size)) or fsync(handle))
    monkeypatch.setattr(os, "replace", lambda old, new: order.append(("replace", new.name)) or replace(old, new))
    write_text(tmp_path / "a.txt", "four")
    assert order == [("fsync", 4), ("replace", "a.txt")]


def test_leftovers_are_temporaries_of_the_files_named_and_nothing_else(tmp_path):
    others = [".last.h5", ".last.abcdefgh.csv", ".last.ABCDEFG-.h5", ".last.abcdefghi.h5", ".best.abcdefgh.h5", "last.h5", "a.abcdefgh.h5"]
    for name in [*others, ".weights_0001.ab_9xyz0.h5"]:
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "last.h5") as temporary:
        remove_leftovers(tmp_path, ["last.h5", "weights_*.h5"])
        assert not temporary.exists() and {path.name for path in tmp_path.iterdir()} == set(others)
    remove_leftovers(tmp_path / "none", ["last.h5"])


def test_others_may_read_the_file(tmp_path):
    write_text(tmp_path / "a.txt", "")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644


def test_a_digest_tells_files_of_one_name_apart(tmp_path):
    for folder, content in (("a", b"one"), ("b", b"two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "best.h5").write_bytes(content)
    one, two = (digest_of(tmp_path / folder / "best.h5") for folder in "ab")
    assert one == digest_of(str(tmp_path / "a" / "best.h5")) == "best.h5 7692c3ad3540bb80" and one != two


def test_long_cells_are_read_and_the_limit_comes_back():
    before = csv.field_size_limit()
    with long_cells():
        assert len(next(csv.reader(["9" * 400_000]))[0]) == 400_000
    assert csv.field_size_limit() == before
