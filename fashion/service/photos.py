"""Photos of strangers: checked by their first bytes, before any library decodes them."""

import dataclasses
import io

from PIL import Image

from fashion.service.refusals import Refusal
from mrcnn.data.image_io import decode
from mrcnn.typing import Array, Size

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
# Files of cameras and programs have up to 20. Each costs a pass over all pixels, so that a small
# file of thousands would keep the decoder busy for minutes.
MOST_SCANS = 100
_START_OF_SCAN = b"\xff\xda"
_NO_SIZE_MARKERS = (0xC4, 0xC8, 0xCC)  # among C0 to CF, which else begin a frame
_LONELY_MARKERS = (0x01, *range(0xD0, 0xD9))  # without length


@dataclasses.dataclass(frozen=True)
class Photo:
    """A file that says to be a photo.

    Attributes:
        data: Content of the file.
        kind: One of `KINDS`.
    """

    data: bytes
    kind: str


def check_photo(data: bytes, most_pixels: int) -> Photo:
    """Checks that bytes are a photo of a size that may be decoded.

    Args:
        data: Content of the file.
        most_pixels: Pixels that it may have.

    Returns:
        The photo, not decoded.

    Raises:
        Refusal: It is of another kind, or too large.
    """
    if not data:
        raise Refusal(400, "The photo is empty.")
    kind, size_hw = _kind_and_size(data)
    if kind is None:
        raise Refusal(415, "This is not a photo. Send a JPEG, PNG or WebP file.")
    if size_hw is None or 0 in size_hw:
        raise _damaged(kind)
    pixels = size_hw[0] * size_hw[1]
    if pixels > most_pixels:
        raise Refusal(
            413,
            f"The photo has {size_hw[1]} x {size_hw[0]} pixels, {pixels / 1e6:.0f} million; "
            f"{most_pixels / 1e6:g} million are the most. Make it smaller.",
        )
    if kind == "JPEG" and data.count(_START_OF_SCAN) > MOST_SCANS:
        raise Refusal(415, f"This JPEG has more than {MOST_SCANS} scans. Save it in another way.")
    return Photo(data, kind)


def decode_photo(photo: Photo, most_pixels: int) -> Array:
    """Decodes a photo, upright.

    Args:
        photo: Of `check_photo`.
        most_pixels: Pixels that it may have.

    Returns:
        `(H, W, 3)` uint8 RGB, as `mrcnn.data.image_io.read_image` reads the file.

    Raises:
        Refusal: It is damaged.
    """
    try:
        with Image.open(io.BytesIO(photo.data), formats=(photo.kind,)) as stored:
            # The decoder may have read another size than we: it decides how much memory it takes.
            if stored.width * stored.height > most_pixels:
                raise ValueError("too large")
            return decode(stored, upright=True, at_least_hw=None)
    except MemoryError:
        raise
    except (
        Exception
    ) as error:  # a broken file makes PIL raise anything; its text is not for clients
        raise _damaged(photo.kind) from error


def without_metadata(jpeg: bytes) -> bytes:
    """Drops what a JPEG says beside its pixels: EXIF, comments, thumbnails, color profiles.

    Args:
        jpeg: The file.

    Returns:
        The same pixels; the bytes unchanged if they are not a JPEG.
    """
    if not jpeg.startswith(b"\xff\xd8"):
        return jpeg
    kept, at = bytearray(b"\xff\xd8"), 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        marker = jpeg[at + 1]
        # APP14 says how the colors are stored; APP1 to APP15 and comments else are metadata.
        if not (0xE1 <= marker <= 0xEF or marker == 0xFE) or marker == 0xEE:
            kept += jpeg[at:end]
        at = end
    return bytes(kept + jpeg[at:])


def _damaged(kind: str) -> Refusal:
    return Refusal(
        415, f"The photo is damaged or cut off: it cannot be decoded as {kind}. Send it again."
    )


def _kind_and_size(data: bytes) -> tuple[str | None, Size | None]:
    """(kind, stored height and width) by the header alone."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG", _size_of_jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        is_whole = data[12:16] == b"IHDR" and len(data) >= 24
        width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        return "PNG", (height, width) if is_whole else None
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP", _size_of_webp(data)
    return None, None


def _size_of_jpeg(data: bytes) -> Size | None:
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _LONELY_MARKERS:
            at += 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE_MARKERS:
            height = int.from_bytes(data[at + 5 : at + 7], "big")
            return height, int.from_bytes(data[at + 7 : at + 9], "big")
        if marker == 0xDA:  # pixels before any size
            return None
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _size_of_webp(data: bytes) -> Size | None:
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(body[i : i + 2], "little") & 0x3FFF for i in (6, 8))
        return height, width
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    if kind == b"VP8X":
        width, height = (int.from_bytes(body[i : i + 3], "little") for i in (4, 7))
        return 1 + height, 1 + width
    return None
