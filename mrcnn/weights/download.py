"""Downloads: a published file of weights arrives whole, goes on where a broken line left it, and is the file that was meant."""

import contextlib
import dataclasses
import hashlib
import http.client
import json
import logging
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from mrcnn.files import write_text

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None

log = logging.getLogger(__name__)

# The release v2.0, not the newest one: the files of v2.1 belong to the balloon example and know two classes instead of 81.
COCO_MODEL_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
COCO_MODEL_SIZE = 257_557_808
# Matterport published no hash. This one is printed in the manual of NVIDIA's TensorRT sample for this model, in the checksums of
# alibaba/ai-matrix, and in a DVC record of this very URL and size. For SHA-256 there are no two sources that agree.
COCO_MODEL_MD5 = "e98aaff6f99e307b5e2a8a3ff741a518"

RESNET50_URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
RESNET50_SIZE = 94_653_016
RESNET50_MD5 = "a268eb855778b3df3c7506639542a6af"  # as in Matterport's get_imagenet_weights

TIMEOUT_S = 30
PAUSES_S = (
    1,
    3,
    10,
    30,
)  # before each new try; the count starts again whenever a try got further than all before it
CHUNK_BYTES, HEAD_BYTES = 1 << 16, 64
SIGNATURES = {"h5": b"\x89HDF\r\n\x1a\n", "hdf5": b"\x89HDF\r\n\x1a\n"}
TEMPORARY = (408, 425, 429)  # and every 5xx: the server may answer the same question later
# What may go wrong before a request is sent and still be worth another try; the rest means that there is no way to the server.
SHAKY = (
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class DownloadError(OSError):
    """A file that could not be fetched, or is not the one that was wanted."""


def download_trained_weights(coco_model_path, verbose=1):
    """Fetch Matterport's COCO weights (81 classes, ResNet-101, 246 MB) to the file `coco_model_path`; verbose=0 shows no progress.

    Matterport's name and signature. A file that is there and right is left alone. Checked by its size, HDF5 signature and MD5, on
    which independent public records agree; nobody trustworthy has published a SHA-256. Raises DownloadError as `download` does.
    """
    download(
        COCO_MODEL_URL,
        coco_model_path,
        md5=COCO_MODEL_MD5,
        size=COCO_MODEL_SIZE,
        kind="h5",
        progress=verbose > 0,
        otherwise="start from other weights (--weights imagenet) or from none, without load_weights()",
    )


def imagenet_resnet50_weights():
    """The path (str) of Keras' old ResNet-50 file without the classifier, fetched once into $KERAS_HOME/models (~/.keras/models).

    keras.applications keeps a newer file under the same name in the same folder, with other layer names. So ours lies in a folder of
    its own, and the two do not replace each other at every turn; one that an old Keras left there is used if it is the right one.
    """
    models = models_folder()
    name = RESNET50_URL.rpartition("/")[2]
    shared = models / name
    if (
        shared.is_file()
        and _Wanted(RESNET50_SIZE, {"md5": RESNET50_MD5}, SIGNATURES["h5"]).misfit(shared) is None
    ):
        return str(shared)
    return str(
        download(
            RESNET50_URL,
            models / "fchollet-v0.2" / name,
            md5=RESNET50_MD5,
            size=RESNET50_SIZE,
            kind="h5",
            otherwise="start without ImageNet weights (--weights none); KERAS_HOME moves the folder",
        )
    )


def models_folder():
    """Where Keras keeps downloaded weights: $KERAS_HOME/models (~/.keras/models)."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def download(
    url,
    path,
    *,
    sha256=None,
    md5=None,
    size=None,
    kind=None,
    progress=True,
    timeout_s=TIMEOUT_S,
    otherwise="",
):
    """Fetch `url` to the file `path` (its folders are made), or do nothing if the right file lies there; returns the Path.

    url:         http or https; redirects are followed, and http_proxy, https_proxy and no_proxy obeyed
    sha256, md5: hexadecimal, or the first digits of it; size: in bytes; each is checked where given. Without any of them the server's
                 word is all there is
    kind:        "h5" checks the signature at the start of the file as well; None goes by the suffix of `path`
    timeout_s:   the longest silence of the server, when it is called and between two pieces
    otherwise:   how to go on without the file, for the error message
    Raises DownloadError: unreachable, broken off too often, refused, not the right file, or no room on the disk.

    What has come lies in `<path>.part`, with the URL and the version of the file in `<path>.part.json`. Every further try, in this call
    or the next one, asks for the rest only; it starts over if the file has changed at the server meanwhile, or if the server cannot
    send a part. `path` itself appears by one rename after all checks: a wrong file is removed (or not even fetched), and an old file
    at `path` that does not fit stays until the right one replaces it.

    Processes that want the same file take turns by a lock on `<path>.part.lock`, which the system releases when its holder dies: the
    second one waits, then finds the file or goes on with its part. Where the file system has no locks, a warning says so.
    """
    path = Path(path).expanduser()
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise ValueError(
            f"download() takes a URL that begins with http:// or https://. Got {url!r}."
        )
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder; give the name of a file, for example {path / url.rpartition('/')[2]}."
        )
    if kind not in (None, *SIGNATURES):
        raise ValueError(
            f"kind is one of {', '.join(SIGNATURES)}, or None to go by the suffix of the file. Got {kind!r}."
        )
    hashes = {
        name: value.lower() for name, value in {"sha256": sha256, "md5": md5}.items() if value
    }
    wanted = _Wanted(size, hashes, SIGNATURES.get(kind or path.suffix.lower().lstrip(".")))
    try:
        if not _is_there(path, wanted):
            path.parent.mkdir(parents=True, exist_ok=True)
            with _only_one(path.with_name(path.name + ".part.lock")):
                if not _is_there(path, wanted, warn=True):
                    _fetch_checked(url, path, wanted, progress, timeout_s, otherwise)
    except DownloadError:
        raise
    except OSError as error:  # those of the network have become DownloadErrors below
        raise DownloadError(
            f"{path} could not be written: {error}. What has come is kept beside it. Make room, or choose a folder "
            f"that you may write to, and start again{_without(otherwise)}"
        ) from error
    return path


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """What is known of a file before it comes. size: bytes or None; hashes: {algorithm: hexadecimal}; signature: bytes or None."""

    size: int | None
    hashes: dict
    signature: bytes | None

    def misfit(self, path):
        """Why the file at `path` is not the wanted one, or None."""
        with open(path, "rb") as file:
            head, size = file.read(HEAD_BYTES), os.fstat(file.fileno()).st_size
            early = self.early_misfit(size, head)
            if early:
                return early
            for name, value in self.hashes.items():
                file.seek(0)
                came = hashlib.file_digest(
                    file, lambda name=name: hashlib.new(name, usedforsecurity=False)
                ).hexdigest()
                if not came.startswith(value):
                    begin = "" if len(value) == len(came) else "begin with "
                    return f"its {name} should {begin or 'be '}{value} and is {came}"
        return None

    def early_misfit(self, size, head):
        """The same from what the server says before the file has come. size: bytes or None; head: the first bytes."""
        looks = (
            " (an HTML page)"
            if re.match(rb"\s*(<!doctype html|<html)", head, re.IGNORECASE)
            else ""
        )
        if None not in (self.size, size) and size != self.size:
            return f"it should have {self.size:,} bytes and has {size:,}{looks}"
        if self.signature and not head.startswith(self.signature):
            return f"it should begin as an HDF5 file, {self.signature!r}, and begins {head[: len(self.signature)]!r}{looks}"
        return None


class _Part:
    """What has come of one file, and a memo of which version it belongs to."""

    def __init__(self, path, url, wanted):
        self.path, self.memo, self.url = (
            path.with_name(path.name + ".part"),
            path.with_name(path.name + ".part.json"),
            url,
        )
        memo = self._read_memo()
        self.total, self.version = memo.get("total"), memo.get("version")
        # With neither a version nor a hash, two versions of the file could be glued together and nobody would notice.
        if memo.get("url") != url or not (self.version or wanted.hashes):
            self.clear()

    @property
    def length(self):
        return self.path.stat().st_size if self.path.exists() else 0

    def clear(self):
        self.path.unlink(missing_ok=True)
        self.memo.unlink(missing_ok=True)
        self.total = self.version = None

    def begin(self, total, version):
        """Start over with a version of the file that has `total` bytes (None: the server does not say)."""
        self.clear()
        self.total, self.version = total, version
        write_text(
            self.memo, json.dumps({"url": self.url, "total": total, "version": version}) + "\n"
        )

    def continued_by(self, response):
        """Is this 206 answer the rest of what is here?"""
        start, total = _content_range(response)
        same = [
            None in pair or pair[0] == pair[1]
            for pair in ((total, self.total), (_version(response), self.version))
        ]
        return start == self.length and all(same)

    def _read_memo(self):
        try:
            memo = json.loads(self.memo.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return memo if isinstance(memo, dict) else {}


class _Break(Exception):
    """A try that ended early and may succeed later. unreachable: the server was not even found."""

    def __init__(self, reason, unreachable=False):
        super().__init__(reason)
        self.unreachable = unreachable


class _NotIt(Exception):
    """The server has something else than the wanted file, or nothing."""


def _without(otherwise):
    return f"; or go on without it: {otherwise}." if otherwise else "."


def _is_there(path, wanted, warn=False):
    misfit = wanted.misfit(path) if path.exists() else "missing"
    if warn and misfit not in (None, "missing"):
        log.warning(
            "%s is not the right file: %s. It is fetched anew, and replaced when that has come.",
            path,
            misfit,
        )
    return misfit is None


def _fetch_checked(url, path, wanted, progress, timeout_s, otherwise):
    """Bring the file to `path`, or raise DownloadError with all that a person needs to know."""
    part = _Part(path, url, wanted)
    by_hand = f"or fetch it by hand and put it at {path}{_without(otherwise)}"
    if path.exists():
        by_hand += f" The file that is there now is another one or a part of it; it is not used. Delete it if in doubt: {path}."
    try:
        with tqdm(
            total=part.total or wanted.size,
            initial=part.length,
            desc=path.name,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            disable=not progress,
        ) as bar:
            _fetch(url, part, wanted, timeout_s, bar)
    except _NotIt as error:
        raise DownloadError(
            f"{url} does not give the wanted file: {error}. Nothing was replaced. Look at the address in a browser (a "
            f"network may want a login first) and start again, {by_hand}"
        ) from None
    except _Break as error:
        kept = (
            f"{part.length:,} bytes are kept in {part.path}, and the next try goes on from there"
            if part.length
            else "Nothing has come"
        )
        raise DownloadError(
            f"{url} could not be downloaded: {error}. {kept}. Check the connection (a proxy goes into the environment "
            f"variable https_proxy) and start again, {by_hand}"
        ) from error
    misfit = wanted.misfit(part.path)
    if misfit:
        part.clear()
        raise DownloadError(
            f"What came from {url} is not the wanted file: {misfit}. It was removed. Start again, {by_hand}"
        )
    with open(part.path, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(part.path, path)
    part.clear()


def _fetch(url, part, wanted, timeout_s, bar):
    """Try until `part` is complete. Raises _Break if it breaks too often without getting further, _NotIt if there is no use in trying."""
    furthest, breaks, first = part.length, 0, True
    while True:
        try:
            return _try_once(url, part, wanted, timeout_s, bar)
        except _Break as problem:
            if part.length > furthest:
                furthest, breaks = part.length, 0
            # Offline is better said at once; later on, a line that was there may come back.
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


def _try_once(url, part, wanted, timeout_s, bar):
    """One request for what is missing. Returns when `part` is complete."""
    start = part.length
    if start and start == part.total:
        return
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and part.version:
        headers["If-Range"] = part.version
    with _open(url, headers, timeout_s) as response:
        status = response.status
        if status == 206 and part.continued_by(response):
            _receive(response, part, _content_range(response)[1], b"", wanted, timeout_s, bar)
        elif status == 200:
            total, head = _content_length(response), b""
            while len(head) < HEAD_BYTES and (data := _read(response, timeout_s)):
                head += data
            if total is not None and len(head) < min(HEAD_BYTES, total):
                raise _Break("the connection ended early")
            # Before the old part is given up: what comes instead of it may be the login page of a network.
            misfit = wanted.early_misfit(total, head)
            if misfit:
                raise _NotIt(misfit)
            part.begin(total, _version(response))
            _receive(response, part, total, head, wanted, timeout_s, bar)
        elif status == 416 and start and _content_range(response)[1] == start:
            return  # it was complete, and only the server knew
        elif status in (206, 416) and start:  # what is here and what is there do not fit together
            part.clear()
            _try_once(url, part, wanted, timeout_s, bar)
        elif status >= 500 or status in TEMPORARY:
            raise _Break(f"the server answers {status} {response.reason}")
        else:
            raise _NotIt(f"the server answers {status} {response.reason}")


def _receive(response, part, total, head, wanted, timeout_s, bar):
    """Add `head` and then the body of `response` to `part`. total: bytes of the whole file, as far as this answer says."""
    expected = total if total is not None else wanted.size
    bar.total = expected
    bar.initial = bar.n = part.length
    with open(part.path, "ab") as file:
        # Where the server did not announce a length, one byte too many is enough to know that the file is wrong.
        end = total if total is not None or wanted.size is None else wanted.size + 1
        length, data = bar.n, head or _read(response, timeout_s)
        while data:
            data = data if end is None else data[: end - length]
            file.write(data)
            length += len(data)
            bar.update(len(data))
            data = _read(response, timeout_s) if end is None or length < end else b""
    if expected is not None and length < expected:
        raise _Break("the connection ended early")


def _open(url, headers, timeout_s):
    """The answer, whatever its status. Raises _Break if there is none."""
    request = urllib.request.Request(url, headers={"User-Agent": "mrcnn", **headers})
    try:
        return urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as answer:
        return answer
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        # urlopen wraps what goes wrong before the request is sent into a URLError, and only that.
        raise _Break(
            _in_words(reason, timeout_s),
            unreachable=reason is not error and not isinstance(reason, SHAKY),
        ) from error


def _read(response, timeout_s):
    """The next piece as soon as it is there; b"" at the end."""
    try:
        return response.read1(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _Break(_in_words(error, timeout_s)) from error


def _in_words(error, timeout_s):
    if isinstance(error, TimeoutError):
        return f"the server was silent for {timeout_s:g} s"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended early"
    return str(error) or type(error).__name__


def _content_length(response):
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _content_range(response):
    """(start, total) of the header Content-Range, None for what it does not say."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", response.headers.get("Content-Range", "").strip()
    )
    return tuple(int(text) if text else None for text in found.groups()) if found else (None, None)


def _version(response):
    """What tells one version of the file from another, and may stand in If-Range: a strong ETag, or the date; None without either."""
    etag = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


@contextlib.contextmanager
def _only_one(path):
    """Hold the lock file `path` while the block runs; waits for whoever holds it."""
    file = _locked(path)
    try:
        yield
    finally:
        # Removed while it is still held, so that nobody can hold the name that is going away. Windows keeps it until next time.
        with contextlib.suppress(OSError):
            path.unlink()
        file.close()


def _locked(path):
    waiting = False
    while True:
        file = open(path, "a+b")
        try:
            _lock(file)
            # Its last holder may have removed this file between opening and locking; then the lock is on nothing.
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


def _lock(file):
    """Lock an open file or raise BlockingIOError; another OSError says that the file system knows no locks."""
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    try:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        raise BlockingIOError(*error.args) from error
