"""Photos of an index: whether a file has changed, when it was taken, and pictures of garments."""

import concurrent.futures
import dataclasses
import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from mrcnn.data.image_io import decode, open_image
from mrcnn.typing import Array, PathLike

__all__ = [
    "FileState",
    "Photo",
    "date_taken",
    "digest_of_image",
    "image_name",
    "read_ahead",
    "read_photo",
    "thumbnail_of",
]

# Longest side of a thumbnail, pixels, and what is shown around the box, as a share of its sides.
THUMBNAIL_SIDE, THUMBNAIL_MARGIN, _QUALITY = 256, 0.08, 85


@dataclasses.dataclass(frozen=True)
class FileState:
    """What tells quickly that a file is unchanged.

    Attributes:
        size: Bytes.
        mtime_ns: Time of the last change, nanoseconds.
    """

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: PathLike) -> "FileState":
        """Reads the state of a file.

        Args:
            path: The file.

        Returns:
            Its state.

        Raises:
            OSError: There is no such file.
        """
        status = Path(path).stat()
        return cls(status.st_size, status.st_mtime_ns)


@dataclasses.dataclass(frozen=True)
class Photo:
    """An image file that was read.

    Attributes:
        path: The file.
        state: Before it was read.
        digest: Of its content; "" if it could not be read.
        image: `(H, W, 3)` uint8 RGB, upright; None if it could not be read.
        date: When it was taken, ISO; None if unknown.
        problem: Why it cannot be used; None if it can.
    """

    path: Path
    state: FileState
    digest: str
    image: Array | None = None
    date: str | None = None
    problem: str | None = None


def image_name(file: Path, root: PathLike) -> str:
    """Names an image as an index does.

    Args:
        file: The image.
        root: Folder that the paths of the index start from.

    Returns:
        The path of the file from there, with slashes; `..` leads out of the folder.
    """
    try:
        return Path(os.path.relpath(file.absolute(), root)).as_posix()
    except ValueError:  # on another drive of Windows
        return file.absolute().as_posix()


def digest_of_image(path: PathLike) -> str:
    """Computes the digest of a file.

    Args:
        path: The file.

    Returns:
        The first 32 digits of its SHA-256.

    Raises:
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def read_photo(path: Path, check: Callable[[Path, tuple[int, int]], None]) -> Photo:
    """Reads an image file, with what an index notes about it.

    Args:
        path: The file.
        check: (path, height and width) -> None; raises a ValueError if no model takes the image.

    Returns:
        The photo; `problem` says why it cannot be used.
    """
    state, digest = FileState(-1, -1), ""
    try:
        state = FileState.of(path)
        digest = digest_of_image(path)
        with open_image(path) as stored:
            date = date_taken(stored)
            image = decode(stored, True, None)
        check(path, image.shape[:2])
    except (OSError, ValueError) as error:
        return Photo(path, state, digest, problem=str(error))
    return Photo(path, state, digest, image, date)


def date_taken(image: Image.Image) -> str | None:
    """Reads when a photo was taken.

    Args:
        image: From `open_image`.

    Returns:
        EXIF's DateTimeOriginal, "YYYY-MM-DDTHH:MM:SS", the local time of the camera; None if there
        is none, or if it is not a date.
    """
    try:
        exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
        text = exif.get(ExifTags.Base.DateTimeOriginal)
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()
    except Exception:  # broken EXIF data fail in many ways, and the pixels are good all the same
        return None


def thumbnail_of(image: Array, box: Iterable[float]) -> bytes:
    """Draws a small picture of a garment.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        box: yxyx, pixels of the image.

    Returns:
        A JPEG without EXIF data.
    """
    y1, x1, y2, x2 = box
    margin_y, margin_x = THUMBNAIL_MARGIN * (y2 - y1), THUMBNAIL_MARGIN * (x2 - x1)
    height, width = image.shape[:2]
    top, left = max(int(y1 - margin_y), 0), max(int(x1 - margin_x), 0)
    bottom, right = min(round(y2 + margin_y), height), min(round(x2 + margin_x), width)
    part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    picture, data = Image.fromarray(part), io.BytesIO()
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    picture.save(data, "JPEG", quality=_QUALITY, optimize=True)
    return data.getvalue()


def read_ahead(items: Iterable[Any], read: Callable[[Any], Any], workers: int) -> Iterator[Any]:
    """Reads items in threads, a few ahead of the one that is used.

    Args:
        items: What is read.
        read: item -> result.
        workers: Number of threads; as many results wait at most.

    Yields:
        The results, in the order of the items.
    """
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting: deque[concurrent.futures.Future] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(read, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
