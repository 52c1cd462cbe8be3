"""Locks: one holder at a time, told by name; those of ended processes count no longer."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mrcnn import locks
from mrcnn.locks import LOCK_NAME, FolderInUse, check_free, locked

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from mrcnn.locks import locked
with locked(sys.argv[1], "fashion train"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold():
    """hold(folder) -> a process that holds the lock of a folder until its input is closed."""
    children = []

    def start(folder, code=HOLD):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            cwd=ROOT,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        children.append(child)
        assert child.stdout.readline() == "held\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()


def write_lock(folder, **changes):
    note = json.loads(locks._note("fashion train")) | changes
    (folder / LOCK_NAME).write_text(json.dumps(note))


def take_in_a_thread(folder):
    raised = []

    def take():
        try:
            with locked(folder, "fashion predict"):
                pass
        except FolderInUse as error:
            raised.append(str(error))

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return raised


def test_the_lock_is_there_during_the_block_only(tmp_path):
    folder = tmp_path / "new" / "run"
    with locked(folder, "fashion train"):
        assert [path.name for path in folder.iterdir()] == [LOCK_NAME]
    with pytest.raises(KeyError), locked(str(folder), "fashion train"):
        raise KeyError
    assert not list(folder.iterdir())


def test_a_second_process_is_told_who_holds_the_folder(tmp_path, hold):
    child = hold(tmp_path)
    for refuse in (check_free, lambda folder: locked(folder, "fashion train").__enter__()):
        told = rf"in use by fashion train \(process {child.pid} on .*, since 2.*\)\. Wait until"
        with pytest.raises(FolderInUse, match=told):
            refuse(tmp_path)
    child.communicate("")
    check_free(tmp_path)
    with locked(tmp_path, "fashion train"):
        pass


def test_a_killed_process_loses_its_lock_and_its_leftovers(tmp_path, hold, caplog):
    child = hold(tmp_path)
    child.kill()
    child.wait()
    assert (tmp_path / LOCK_NAME).exists()
    check_free(tmp_path)
    with locked(tmp_path, "fashion train"):
        assert json.loads((tmp_path / LOCK_NAME).read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir()) and "left behind by fashion train" in caplog.text


def test_a_process_id_that_was_given_away_again_is_not_the_holder(tmp_path):
    write_lock(tmp_path, started="7")
    with locked(tmp_path, "fashion train"):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"pid": "1"}', b"\xff", b"[" * 100_000])
def test_a_lock_that_says_nothing_is_taken_over(tmp_path, monkeypatch, content):
    """A process that was killed between making and filling it leaves such a file."""
    monkeypatch.setattr(locks, "EMPTY_S", 0.1)
    (tmp_path / LOCK_NAME).write_bytes(content)
    with locked(tmp_path, "fashion train"):
        pass
    assert not list(tmp_path.iterdir())


def test_of_another_computer_the_signs_of_life_count(tmp_path):
    write_lock(tmp_path, host="elsewhere", pid=99999999)
    with pytest.raises(FolderInUse, match=r"on elsewhere.* delete .*\.lock; .* after 5 minutes"):
        check_free(tmp_path)
    silent = time.time() - locks.SILENT_S - 5
    os.utime(tmp_path / LOCK_NAME, (silent, silent))
    with locked(tmp_path, "fashion train"):
        pass


def test_a_holder_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "SIGN_OF_LIFE_S", 0.01)
    with locked(tmp_path, "fashion train"):
        os.utime(tmp_path / LOCK_NAME, (1, 1))
        deadline = time.monotonic() + 60
        while (tmp_path / LOCK_NAME).stat().st_mtime < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / LOCK_NAME).stat().st_mtime > 2


def test_the_holding_thread_may_lock_again_and_another_may_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with locked(tmp_path, "fashion train"):
        with locked(".", "fit"):
            check_free(tmp_path)
        assert (tmp_path / LOCK_NAME).exists()
        assert "another thread of this process" in take_in_a_thread(tmp_path)[0]
    assert not take_in_a_thread(tmp_path)


def test_an_error_in_the_block_stays_what_it_is(tmp_path):
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="^photo.jpg$"):
            with locked(tmp_path, "a"), locked(tmp_path, "b"):
                raise FileNotFoundError("photo.jpg")


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file.run cannot be locked for fashion train: Not a dir"):
        with locked(tmp_path / "file" / "run", "fashion train"):
            pass


@pytest.mark.slow
def test_of_many_that_find_an_old_lock_one_at_a_time_has_the_folder(tmp_path):
    """Each adds its line while it holds the folder; a line torn by another would be seen."""
    code = """
import sys, time
from pathlib import Path
from mrcnn.locks import FolderInUse, locked
folder, inside = Path(sys.argv[1]), Path(sys.argv[1]) / "inside"
for _ in range(20):
    try:
        with locked(folder, "a test"):
            inside.mkdir()
            time.sleep(0.002)
            inside.rmdir()
            if _ % 2: sys.stdout.flush(); import os; os._exit(0)      # leaves the lock behind
    except FolderInUse:
        time.sleep(0.003)
"""
    write_lock(tmp_path, pid=99999999)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
        )
        for _ in range(8)
    ]
    errors = [child.communicate()[1] for child in children]
    assert not any("Error" in text for text in errors), errors
    assert not (tmp_path / "inside").exists()


def test_what_a_lock_says_is_printed_without_control_characters(tmp_path):
    write_lock(tmp_path, what="a\x1b[2J\n" + "b" * 500, host=["x"], since=None, system="other")
    with pytest.raises(FolderInUse) as raised:
        check_free(tmp_path)
    assert str(raised.value).isprintable() and "b" * 101 not in str(raised.value)


def test_a_process_has_a_start_and_an_ended_one_has_none():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert locks._start_of(child.pid) == locks._start_of(child.pid) not in (None, "")
    child.communicate(b"\n")
    assert locks._start_of(child.pid) is None
    assert locks._start_of(0) is locks._start_of(-5) is locks._start_of(2**80) is None
