"""Files are whole or absent: what is left behind after success and after failure."""

import errno
import os
import stat

import pytest

from mrcnn.files import (
    appending,
    atomic_path,
    digest_of,
    remove_leftovers,
    write_bytes,
    write_text,
)


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
    monkeypatch.setattr(
        os,
        "fsync",
        lambda handle: order.append(("fsync", os.fstat(handle).st_size)) or fsync(handle),
    )
    monkeypatch.setattr(
        os, "replace", lambda old, new: order.append(("replace", new.name)) or replace(old, new)
    )
    write_text(tmp_path / "a.txt", "four")
    assert order == [("fsync", 4), ("replace", "a.txt")]


def test_leftovers_are_temporaries_of_the_files_named_and_nothing_else(tmp_path):
    others = [
        ".last.h5",
        ".last.writing-abcdef01.csv",
        ".last.writing-ABCDEF01.h5",
        ".last.writing-abcdef012.h5",
        "last.h5",
        ".best.writing-abcdef01.h5",
        "a.writing-abcdef01.h5",
        ".last.abcdefghi.h5",
    ]
    for name in [
        *others,
        ".weights_0001.writing-abcdef01.h5",
        ".weights_0001.ab_9xyz0.h5",
    ]:  # the last as older versions called it
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "last.h5") as temporary:
        remove_leftovers(tmp_path, ["last.h5", "weights_*.h5"])
        assert not temporary.exists() and {path.name for path in tmp_path.iterdir()} == set(others)
    remove_leftovers(tmp_path / "none", ["last.h5"])


def test_all_leftovers_of_a_folder_are_removed_without_their_names(tmp_path):
    others = [".config.settings.json", ".hidden", "a.writing-abcdef01.jpg", ".lock"]
    for name in [
        *others,
        ".a b.writing-abcdef01.jpg",
        ".last.writing-abcdef01.h5",
        ".writing-abcdef01.h5",
        "..writing-abcdef01",
    ]:
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "no suffix"):
        remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*others, ".writing-abcdef01.h5"}


@pytest.fixture
def umask():
    """umask(mode) sets it for the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path, umask, mask, mode):
    umask(mask)
    write_text(tmp_path / "a.txt", "")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path, umask):
    path = tmp_path / "a.txt"
    path.touch()
    for mode in (0o600, 0o664):
        path.chmod(mode)
        write_text(path, "new")
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_through_a_link_the_file_behind_it_is_written(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "shown").mkdir()
    real, link, dangling = (
        tmp_path / "runs" / "last.h5",
        tmp_path / "shown" / "last.h5",
        tmp_path / "shown" / "new.h5",
    )
    write_text(real, "old")
    link.symlink_to("../runs/last.h5")
    dangling.symlink_to(tmp_path / "runs" / "new.h5")
    write_text(link, "new")
    write_text(dangling, "first")
    assert (
        link.is_symlink()
        and dangling.is_symlink()
        and real.read_text() == "new" == link.read_text()
    )
    assert (tmp_path / "runs" / "new.h5").read_text() == "first"
    assert (
        len(list((tmp_path / "runs").iterdir())) == len(list((tmp_path / "shown").iterdir())) == 2
    )


def test_links_in_a_circle_a_folder_and_a_device_are_no_files(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for path in (tmp_path / "a", tmp_path, os.devnull):
        with pytest.raises(OSError, match="circle|could not be written|is a folder or a device"):
            write_text(path, "")
    assert not os.path.isfile(os.devnull)


def test_a_place_that_cannot_be_written_to_is_named_as_the_user_named_it(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        OSError, match=r"file.a\.csv could not be written: .*\. Choose a folder"
    ) as raised:
        write_text(tmp_path / "file" / "a.csv", "")
    assert "writing" not in str(raised.value)


def test_a_full_disk_is_told_with_the_file_and_the_space(tmp_path, monkeypatch):
    """Also where it shows in the block, with another file's name or none."""
    path = tmp_path / "weights.h5"
    write_text(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "something.tmp")

    with pytest.raises(
        OSError,
        match=(
            r"weights\.h5 could not be written: No space .*unchanged\. Make room .* "
            r"MB are free\.$"
        ),
    ) as raised:
        with atomic_path(path):
            full()
    assert raised.value.errno == errno.ENOSPC
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"weights\.h5 could not .* It needs 3\.0 MB, and "):
            write_bytes(path, bytes(3_000_000))
    with (
        pytest.raises(FileNotFoundError, match=r"^\[Errno 2\] .*'photo.jpg'$"),
        atomic_path(path),
    ):  # another error stays as it is
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "photo.jpg")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_name_as_long_as_names_may_be_is_written(tmp_path):
    path = tmp_path / ("x" * 251 + ".csv")
    write_text(path, "a")
    assert path.read_text() == "a"


def test_a_digest_tells_files_of_one_name_apart(tmp_path):
    for folder, content in (("a", b"one"), ("b", b"two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "best.h5").write_bytes(content)
    one, two = (digest_of(tmp_path / folder / "best.h5") for folder in "ab")
    assert (
        one == digest_of(str(tmp_path / "a" / "best.h5")) == "best.h5 7692c3ad3540bb80"
        and one != two
    )


def test_a_file_that_grows_is_named_where_the_disk_is_full(tmp_path):
    """Once, and without a word of the file being unchanged."""
    (tmp_path / "a.partial").touch()
    with pytest.raises(
        OSError, match=r"a\.partial could not be written: No space .* Make room .* MB are free\.$"
    ) as raised:
        with appending("outer"), appending(tmp_path / "a.partial"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert raised.value.errno == errno.ENOSPC and "unchanged" not in str(raised.value)
    with pytest.raises(PermissionError, match="not yours"), appending("a"):
        raise PermissionError(errno.EACCES, "not yours")
