"""Downloads of large files: checked, resumed after a broken connection, one process at a time.

`keras.utils.get_file` and pooch check hashes too, but both start over after every interruption
(246 MB for the COCO weights), and neither keeps two processes from writing the same file.

What has arrived is kept in `<path>.part`, with the URL and version of the file in
`<path>.part.json`. Every further try asks for the rest only. It starts over if the file has changed
on the server, or if the server cannot send a part. Processes that want the same file take turns by
a lock on `<path>.part.lock`, which the system releases when its holder dies. Where the file system
has no locks, a warning says so.
"""

import contextlib
import dataclasses
import hashlib
import http.client
import json
import logging
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from mrcnn.files import write_text
from mrcnn.typing import PathLike

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

log = logging.getLogger(__name__)

TIMEOUT_S = 30
# Before each new try; the count starts again whenever a try got further than all before it.
PAUSES_S = (1, 3, 10, 30)
CHUNK_BYTES, HEAD_BYTES = 1 << 16, 64
SIGNATURES = {"h5": b"\x89HDF\r\n\x1a\n", "hdf5": b"\x89HDF\r\n\x1a\n"}
TEMPORARY = (408, 425, 429)  # and every 5xx: the server may answer the same question later
# Errors before a request is sent that a new try may overcome. Others mean that the server cannot be
# reached at all.
TRANSIENT = (
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class DownloadError(OSError):
    """A file could not be downloaded, or is not the expected one."""


def download(
    url: str,
    path: PathLike,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    kind: str | None = None,
    progress: bool = True,
    timeout_s: float = TIMEOUT_S,
    otherwise: str = "",
) -> Path:
    """Downloads a file, or does nothing if the right file is there.

    An interrupted download is resumed, in this call or a later one. `path` appears by one rename
    after all checks; until then an old file stays.

    Args:
        url: http or https. Redirects are followed; http_proxy, https_proxy and no_proxy apply.
        path: Where to store the file. Its folders are made.
        sha256: Expected hash, hexadecimal, or its first digits.
        md5: Likewise.
        size: Expected size, bytes. Without size and hashes, the server is trusted.
        kind: "h5" checks the signature at the start of the file; None goes by the suffix of `path`.
        progress: Show a bar.
        timeout_s: Longest silence of the server, seconds.
        otherwise: How to continue without the file, for the error.

    Returns:
        The path.

    Raises:
        DownloadError: The server cannot be reached, the connection broke too often, the server
            refused, the file is not the expected one, or the disk is full.
        ValueError: An argument is wrong.
    """
    path = Path(path).expanduser()
    _check_arguments(url, path, kind)
    expected = _expected_file(path, {"sha256": sha256, "md5": md5}, size, kind)
    try:
        if not _is_there(path, expected):
            path.parent.mkdir(parents=True, exist_ok=True)
            with _only_one(path.with_name(path.name + ".part.lock")):
                if not _is_there(path, expected, warn=True):
                    _fetch_checked(url, path, expected, progress, timeout_s, otherwise)
    except DownloadError:
        raise
    except OSError as error:  # those of the network have become DownloadErrors below
        raise _not_written(path, error, otherwise) from error
    return path


def _expected_file(
    path: Path, hashes: dict[str, str | None], size: int | None, kind: str | None
) -> "ExpectedFile":
    given = {name: value.lower() for name, value in hashes.items() if value}
    return ExpectedFile(size, given, kind or path.suffix.lower().lstrip("."))


def _not_written(path: Path, error: OSError, otherwise: str) -> DownloadError:
    return DownloadError(
        f"{path} could not be written: {error.strerror or error}. What has arrived is kept next to "
        "it. Free some space, or choose a folder that you may write to, and start "
        f"again{_without(otherwise)}"
    )


def _check_arguments(url: str, path: Path, kind: str | None) -> None:
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise ValueError(
            f"download() takes a URL that begins with http:// or https://. Got {url!r}."
        )
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder; give the name of a file, for example "
            f"{path / url.rpartition('/')[2]}."
        )
    if kind not in (None, *SIGNATURES):
        raise ValueError(
            f"kind is one of {', '.join(SIGNATURES)}, or None to go by the suffix of the file. Got "
            f"{kind!r}."
        )


@dataclasses.dataclass(frozen=True)
class ExpectedFile:
    """What is known of a file before it is downloaded.

    Attributes:
        size: Bytes; None if not known.
        hashes: Hexadecimal digests, or their first digits, by algorithm.
        kind: A key of `SIGNATURES`; other values have no signature to check.
    """

    size: int | None
    hashes: Mapping[str, str]
    kind: str | None

    def mismatch(self, path: PathLike) -> str | None:
        """Checks a file.

        Args:
            path: An existing file.

        Returns:
            Why it is not the expected one, or None.
        """
        with open(path, "rb") as file:
            head, size = file.read(HEAD_BYTES), os.fstat(file.fileno()).st_size
            early = self.early_mismatch(size, head)
            if early:
                return early
            for name, value in self.hashes.items():
                file.seek(0)
                digest = hashlib.new(name, usedforsecurity=False)
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
                found = digest.hexdigest()
                if not found.startswith(value):
                    begin = "" if len(value) == len(found) else "begin with "
                    return f"its {name} should {begin or 'be '}{value} and is {found}"
        return None

    def early_mismatch(self, size: int | None, head: bytes) -> str | None:
        """Checks what a server announces, before the file is downloaded.

        Args:
            size: Bytes, or None if the server does not say.
            head: The first bytes.

        Returns:
            Why it is not the expected file, or None.
        """
        is_html = re.match(rb"\s*(<!doctype html|<html)", head, re.IGNORECASE)
        shown = " (an HTML page)" if is_html else ""
        if None not in (self.size, size) and size != self.size:
            return f"it should have {self.size:,} bytes and has {size:,}{shown}"
        signature = SIGNATURES.get(self.kind or "")
        if signature and not head.startswith(signature):
            return (
                f"it should begin as an HDF5 file, {signature!r}, and begins "
                f"{head[: len(signature)]!r}{shown}"
            )
        return None


class _Part:
    """What has arrived of one file, and a note of which version it belongs to."""

    def __init__(self, path: Path, url: str, expected: ExpectedFile) -> None:
        self.url = url
        self.path = path.with_name(path.name + ".part")
        self.note = path.with_name(path.name + ".part.json")
        note = self._read_note()
        self.total: int | None = note.get("total")
        self.version: str | None = note.get("version")
        # Without a version or a hash, nobody would notice that parts of two versions were joined.
        if note.get("url") != url or not (self.version or expected.hashes):
            self.clear()

    @property
    def length(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.total = self.version = None

    def begin(self, total: int | None, version: str | None) -> None:
        """Starts over; total: bytes of this version, None if the server does not say."""
        self.clear()
        self.total, self.version = total, version
        note = {"url": self.url, "total": total, "version": version}
        write_text(self.note, json.dumps(note) + "\n")

    def continued_by(self, response: Any) -> bool:
        """Whether this answer of status 206 is the rest of the part."""
        start, total = _content_range(response)
        same = [
            None in pair or pair[0] == pair[1]
            for pair in ((total, self.total), (_version(response), self.version))
        ]
        return start == self.length and all(same)

    def _read_note(self) -> dict[str, Any]:
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}


class _Break(Exception):
    """A try that ended early and may succeed later; `unreachable`: there was no connection."""

    def __init__(self, reason: str, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.unreachable = unreachable


class _WrongFile(Exception):
    """The server has another file than the expected one, or none."""


def _without(otherwise: str) -> str:
    return f"; or continue without it: {otherwise}." if otherwise else "."


def _is_there(path: Path, expected: ExpectedFile, warn: bool = False) -> bool:
    mismatch = expected.mismatch(path) if path.exists() else "missing"
    if warn and mismatch not in (None, "missing"):
        log.warning(
            "%s is not the right file: %s. It will be downloaded again and replaced.",
            path,
            mismatch,
        )
    return mismatch is None


def _fetch_checked(
    url: str,
    path: Path,
    expected: ExpectedFile,
    progress: bool,
    timeout_s: float,
    otherwise: str,
) -> None:
    """Downloads the file to `path`; a DownloadError says what a person needs to know."""
    part = _Part(path, url, expected)
    by_hand = f"or download it by hand and put it at {path}{_without(otherwise)}"
    if path.exists():
        by_hand += (
            " The file that is there now is another one or a part of it; it is not used. Delete it "
            f"if in doubt: {path}."
        )
    try:
        with _bar(part, path.name, expected.size, progress) as bar:
            _fetch(url, part, expected, timeout_s, bar)
    except _WrongFile as error:
        raise DownloadError(
            f"{url} does not give the expected file: {error}. Nothing was replaced. Open the "
            "address in a browser (a network may require a login first) and start again, "
            f"{by_hand}"
        ) from None
    except _Break as error:
        kept = (
            f"{part.length:,} bytes are kept in {part.path}, and the next try continues from there"
            if part.length
            else "Nothing has arrived"
        )
        raise DownloadError(
            f"{url} could not be downloaded: {error}. {kept}. Check the connection (a proxy is set "
            f"in the environment variable https_proxy) and start again, {by_hand}"
        ) from error
    mismatch = expected.mismatch(part.path)
    if mismatch:
        part.clear()
        raise DownloadError(
            f"What arrived from {url} is not the expected file: {mismatch}. It was removed. Start "
            f"again, {by_hand}"
        )
    with open(part.path, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(part.path, path)
    part.clear()


def _bar(part: _Part, name: str, size: int | None, progress: bool) -> tqdm:
    return tqdm(
        total=part.total or size,
        initial=part.length,
        desc=name,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        disable=not progress,
    )


def _fetch(url: str, part: _Part, expected: ExpectedFile, timeout_s: float, bar: tqdm) -> None:
    """Tries until `part` is complete, or raises _Break after too many tries without progress."""
    furthest, breaks, first = part.length, 0, True
    while True:
        try:
            return _try_once(url, part, expected, timeout_s, bar)
        except _Break as problem:
            if part.length > furthest:
                furthest, breaks = part.length, 0
            # Being offline is reported at once; a connection that existed may come back.
            if breaks == len(PAUSES_S) or (first and problem.unreachable):
                raise
            log.warning(
                "%s: %s, after %s bytes. Next try in %s s.",
                part.path.name,
                problem,
                f"{part.length:,}",
                PAUSES_S[breaks],
            )
            time.sleep(PAUSES_S[breaks])
            breaks, first = breaks + 1, False


def _try_once(url: str, part: _Part, expected: ExpectedFile, timeout_s: float, bar: tqdm) -> None:
    """Makes one request for what is missing. Returns when `part` is complete."""
    start = part.length
    if start and start == part.total:
        return
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and part.version:
        headers["If-Range"] = part.version
    with _open(url, headers, timeout_s) as response:
        status = response.status
        if status == 206 and part.continued_by(response):
            _receive(response, part, _content_range(response)[1], b"", expected, timeout_s, bar)
        elif status == 200:
            total, head = _content_length(response), b""
            while len(head) < HEAD_BYTES and (data := _read(response, timeout_s)):
                head += data
            if total is not None and len(head) < min(HEAD_BYTES, total):
                raise _Break("the connection ended early")
            # Before the old part is dropped: this may be the login page of a network.
            mismatch = expected.early_mismatch(total, head)
            if mismatch:
                raise _WrongFile(mismatch)
            part.begin(total, _version(response))
            _receive(response, part, total, head, expected, timeout_s, bar)
        elif status == 416 and start and _content_range(response)[1] == start:
            return  # it was complete, and only the server knew
        elif status in (206, 416) and start:  # the part does not fit the server's file
            part.clear()
            _try_once(url, part, expected, timeout_s, bar)
        elif status >= 500 or status in TEMPORARY:
            raise _Break(f"the server answers {status} {response.reason}")
        else:
            raise _WrongFile(f"the server answers {status} {response.reason}")


def _receive(
    response: Any,
    part: _Part,
    total: int | None,
    head: bytes,
    expected: ExpectedFile,
    timeout_s: float,
    bar: tqdm,
) -> None:
    """Appends `head` and the body of `response` to `part`; total: bytes of the whole file."""
    size = total if total is not None else expected.size
    bar.total = size
    bar.initial = bar.n = part.length
    with open(part.path, "ab") as file:
        # Without an announced length, one byte too many shows that the file is wrong.
        end = total if total is not None or expected.size is None else expected.size + 1
        length, data = bar.n, head or _read(response, timeout_s)
        while data:
            data = data if end is None else data[: end - length]
            file.write(data)
            length += len(data)
            bar.update(len(data))
            data = _read(response, timeout_s) if end is None or length < end else b""
    if size is not None and length < size:
        raise _Break("the connection ended early")


def _open(url: str, headers: Mapping[str, str], timeout_s: float) -> Any:
    """Returns the answer of any status, or raises _Break if there is none."""
    request = urllib.request.Request(url, headers={"User-Agent": "mrcnn", **headers})
    try:
        return urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as answer:
        return answer
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        # urlopen wraps only errors before the request is sent into a URLError.
        raise _Break(
            _in_words(reason, timeout_s),
            unreachable=reason is not error and not isinstance(reason, TRANSIENT),
        ) from error


def _read(response: Any, timeout_s: float) -> bytes:
    """Returns the next piece as soon as it arrives; b"" at the end."""
    try:
        return response.read1(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _Break(_in_words(error, timeout_s)) from error


def _in_words(error: object, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"the server was silent for {timeout_s:g} s"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended early"
    return str(error) or type(error).__name__


def _content_length(response: Any) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _content_range(response: Any) -> tuple[int | None, int | None]:
    """(start, total) of the header Content-Range, None where it does not say."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", response.headers.get("Content-Range", "").strip()
    )
    if not found:
        return None, None
    start, total = (int(text) if text else None for text in found.groups())
    return start, total


def _version(response: Any) -> str | None:
    """Identifies a version of the file, as If-Range takes it: a strong ETag, or the date."""
    etag = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Holds the lock file `path` during a block; waits while another process holds it."""
    file = _locked(path)
    try:
        yield
    finally:
        # Removed while still held, so that nobody can lock a name that goes away. Windows refuses.
        with contextlib.suppress(OSError):
            path.unlink()
        file.close()


def _locked(path: Path) -> BinaryIO:
    waiting = False
    while True:
        file = open(path, "a+b")
        try:
            _lock(file)
            # Its last holder may have removed the file between our opening and locking it.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    return file
        except BlockingIOError:
            if not waiting:
                log.warning(
                    "Another process is downloading %s; waiting for it.",
                    path.name.removesuffix(".part.lock"),
                )
            waiting = True
        except OSError as error:
            log.warning(
                "%s cannot be locked (%s): do not start a second download of the same file.",
                path,
                error,
            )
            return file
        file.close()
        time.sleep(0.1 if waiting else 0)


def _lock(file: BinaryIO) -> None:
    """Locks an open file or raises BlockingIOError; other OSErrors mean there are no locks."""
    if sys.platform == "win32":
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from error
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
