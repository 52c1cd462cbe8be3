"""Files are whole or absent: what is left behind after success and after failure."""
import stat

import pytest

from mrcnn.files import atomic_path, digest_of, write_text


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


def test_others_may_read_the_file(tmp_path):
    write_text(tmp_path / "a.txt", "")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644


def test_a_digest_tells_files_of_one_name_apart(tmp_path):
    for folder, content in (("a", b"one"), ("b", b"two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "best.h5").write_bytes(content)
    one, two = (digest_of(tmp_path / folder / "best.h5") for folder in "ab")
    assert one == digest_of(str(tmp_path / "a" / "best.h5")) == "best.h5 7692c3ad3540bb80" and one != two
