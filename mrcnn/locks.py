"""Locks on folders: one command at a time works in a folder; the error of a second names the first.

A lock is the plain file `.lock` in the folder. It names its holder: command, process id, host, and
start time of the process, so that a lock of a killed process is recognised even after its id was
reused. It needs plain files only, so it works on network drives, where locks of the operating
system often do not.
"""

import contextlib
import ctypes
import functools
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mrcnn.files import remove_leftovers
from mrcnn.typing import PathLike

log = logging.getLogger(__name__)

LOCK_NAME = ".lock"
# Processes of another computer cannot be looked up. Their locks count as abandoned after ten missed
# heartbeats: every half minute the holder renews the time of the file.
SIGN_OF_LIFE_S, SILENT_S = 30, 300
# A lock is created first and filled microseconds later: one that stays empty for this long is of a
# process that was killed in between.
EMPTY_S = 2

_held: dict[Path, tuple[int, int]] = {}  # lock file -> process and thread that hold it here


class FolderInUse(BlockingIOError):
    """Another process, or another thread, works in the folder."""


@contextlib.contextmanager
def locked(folder: PathLike, what: str) -> Iterator[None]:
    """Keeps other commands out of a folder during a block.

    A lock whose process has ended is taken over, and its temporary files are removed, see
    `mrcnn.files.atomic_path`. The thread that holds a lock may lock the folder again.

    Args:
        folder: Made if necessary. The lock is the file `.lock` in it, removed at the end.
        what: What errors of others call this command, for instance "training".

    Yields:
        Nothing.

    Raises:
        FolderInUse: Another process or thread holds the lock. The message names it.
        OSError: The folder cannot be written to.
    """
    me = os.getpid(), threading.get_ident()
    path = Path(folder).resolve() / LOCK_NAME
    if _held.get(path) == me:
        yield
        return
    content = _note(what)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _take(path, content, folder)
        remove_leftovers(folder)  # nobody else writes here now
    except FolderInUse:
        raise
    except OSError as error:
        raise OSError(
            f"{folder} cannot be locked for {what}: {error.strerror or error}. Choose a "
            "folder on a disk with free space that you may write to."
        ) from error
    _held[path] = me
    ended = threading.Event()
    threading.Thread(target=_give_signs_of_life, args=(path, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        if os.getpid() == me[0]:  # not in a process that was forked in the block
            del _held[path]
            with contextlib.suppress(OSError):
                if path.read_bytes() == content:
                    path.unlink()


def check_free(folder: PathLike) -> None:
    """Checks that no other process or thread holds the lock of a folder, without taking it.

    Args:
        folder: May be missing.

    Raises:
        FolderInUse: Another process or thread holds the lock.
    """
    path = Path(folder).resolve() / LOCK_NAME
    if _held.get(path) != (os.getpid(), threading.get_ident()):
        holder = _holder(path)
        if holder is not None and not _is_left_behind(path, holder):
            raise _in_use(folder, path, holder)


def _take(path: Path, content: bytes, folder) -> None:
    while True:
        try:
            with open(path, "xb", buffering=0) as file:
                file.write(content)
            return
        except FileExistsError:
            pass
        except OSError:  # a full disk: not to be left empty for others
            with contextlib.suppress(OSError):
                if not path.read_bytes():
                    path.unlink()
            raise
        holder = _holder(path)
        if holder is not None:
            if not _is_left_behind(path, holder):
                raise _in_use(folder, path, holder)
            _remove_left_behind(path)


def _remove_left_behind(path: Path) -> None:
    """Removes an abandoned lock; only one process at a time, since several may find it."""
    guard = path.with_name(f"{path.name}.takeover")
    try:
        guard.mkdir()
    except FileExistsError:
        with contextlib.suppress(OSError):
            if time.time() - guard.stat().st_mtime > EMPTY_S * 5:  # its owner was killed
                guard.rmdir()
        time.sleep(0.05)
        return
    try:
        holder = _holder(path)
        if holder is not None and _is_left_behind(path, holder):
            log.warning(
                "The lock %s was left behind by %s, which has ended; it is taken over.",
                path,
                _words(holder.get("what")),
            )
            path.unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):
            guard.rmdir()


def _note(what: str) -> bytes:
    pid = os.getpid()
    return json.dumps(
        {
            "what": what,
            "pid": pid,
            "started": _start_of(pid),
            **_system(),
            "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
            "thread": threading.get_ident(),
        }
    ).encode()


def _holder(path: Path) -> dict | None:
    """Reads the lock file; {} if it is not readable, None if there is no such file."""
    began = time.monotonic()
    while True:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        with contextlib.suppress(ValueError, RecursionError):
            holder = json.loads(content)
            if isinstance(holder, dict) and isinstance(holder.get("pid"), int):
                return holder
        if time.monotonic() - began > EMPTY_S:
            return {}
        time.sleep(0.05)


def _is_left_behind(path: Path, holder: dict) -> bool:
    if not holder:
        return True
    if _is_of_this_system(holder):
        started = _start_of(holder["pid"])
        return (
            started is None
            or "" not in (started, holder.get("started"))
            and (started != holder.get("started"))
        )
    try:
        return time.time() - path.stat().st_mtime > SILENT_S
    except FileNotFoundError:
        return False  # released just now; the caller looks again


def _is_of_this_system(holder: dict) -> bool:
    return all(holder.get(key) == value for key, value in _system().items())


def _in_use(folder, path: Path, holder: dict) -> FolderInUse:
    who = (
        f"process {holder['pid']} on {_words(holder.get('host'))}, "
        f"since {_words(holder.get('since'))}"
    )
    if holder["pid"] == os.getpid() and _is_of_this_system(holder):
        who = "another thread of this process"
    advice = "Wait until it has ended, or give another folder."
    if not _is_of_this_system(holder):
        advice += (
            f" If it is no longer running, delete {path}; it also stops counting after "
            f"{SILENT_S // 60} minutes without a sign of life."
        )
    return FolderInUse(f"{folder} is in use by {_words(holder.get('what'))} ({who}). {advice}")


def _words(value) -> str:
    """A value from a lock file, safe to print."""
    text = value if isinstance(value, str) else "an unknown command"
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:100]


def _give_signs_of_life(path: Path, ended: threading.Event) -> None:
    while not ended.wait(SIGN_OF_LIFE_S):
        try:
            os.utime(path)
        except OSError:  # a person removed it
            return


@functools.cache
def _system() -> dict[str, str]:
    """Identifies where process ids are valid: the host, its boot and the container."""
    space = []
    with contextlib.suppress(OSError):  # Linux only
        space = [
            Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            os.readlink("/proc/self/ns/pid"),
        ]
    return {"host": socket.gethostname(), "system": " ".join([sys.platform, *space])}


def _start_of(pid: int) -> str | None:
    """Start time of a process of this system; None if there is none, "" if it is not known."""
    if pid <= 0:
        return None
    if sys.platform == "win32":
        return _start_on_windows(pid)
    try:
        # Behind the name in brackets, which may hold anything, come fields 3 (state) to 52.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]  # field 22: ticks since the start
    except (OSError, IndexError):
        pass  # not Linux, no such process, or hidden from us
    try:
        os.kill(pid, 0)  # sends nothing
    except (ProcessLookupError, OverflowError):
        return None
    except OSError:
        pass  # another user's
    try:
        answer = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            env=os.environ | {"LC_ALL": "C"},
            timeout=10,
        )
        return " ".join(answer.stdout.split())
    except (OSError, subprocess.SubprocessError):
        return ""


def _start_on_windows(pid: int) -> str | None:
    windows: Any = ctypes  # whose names below exist on Windows only
    kernel = windows.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = ctypes.c_void_p
    # 0x1000: may ask for times and the exit code. Error 5: it exists and is another user's.
    handle = kernel.OpenProcess(0x1000, False, pid)
    if not handle:
        return "" if windows.get_last_error() == 5 else None
    handle = ctypes.c_void_p(handle)
    try:
        code, times = ctypes.c_ulong(), (ctypes.c_uint64 * 4)()
        if kernel.GetExitCodeProcess(handle, ctypes.byref(code)) and code.value != 259:
            return None  # 259: still active
        known = kernel.GetProcessTimes(handle, *(ctypes.byref(times, 8 * i) for i in range(4)))
        return str(times[0]) if known else ""
    finally:
        kernel.CloseHandle(handle)
