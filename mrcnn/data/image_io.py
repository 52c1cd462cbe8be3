"""Reads image files of all usual kinds as `(H, W, 3)` uint8 RGB."""

import contextlib
import functools
import importlib
import os
import threading
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from mrcnn.typing import Array, PathLike, Size

# Phones take 200 million pixels. PIL warns of an attack from 89 million on and refuses from 179 on.
# A larger image than this takes 800 MB and is more likely a broken header.
MAX_PIXELS = 2**28

# Kinds of images, and the modules of PIL that read them. Nothing else is opened, whatever a file is
# called: PIL hands PostScript to the program gs, and reads formats that no camera writes.
_FORMATS = {
    "JPEG": "Jpeg",
    "PNG": "Png",
    "WEBP": "WebP",
    "TIFF": "Tiff",
    "BMP": "Bmp",
    "DIB": "Bmp",
    "GIF": "Gif",
    "PPM": "Ppm",
    "JPEG2000": "Jpeg2K",
    "AVIF": "Avif",
}
# Extensions of the files that `read_image` reads, the most usual first.
EXTENSIONS = (
    ".jpg",
    ".jpeg",
    ".png",
    ".jpe",
    ".jfif",
    ".mpo",
    ".webp",
    ".tif",
    ".tiff",
    ".bmp",
    ".dib",
    ".gif",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".jp2",
    ".j2k",
    ".avif",
)

SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
_REDUCTIONS = (1, 2, 4, 8)  # a JPEG can be decoded at 1 over these of its size, rounded up
_TIFF_BITS = 258  # TIFF's tag BitsPerSample


def read_image(path: PathLike, upright: bool = False, at_least_hw: Size | None = None) -> Array:
    """Reads an image file.

    Grey, palette, CMYK and 16-bit files are converted. Transparency is dropped, as Matterport does.
    An animation gives its first image.

    Of 16 bits the upper 8 are kept, as OpenCV and scikit-image's `img_as_ubyte` do. White depends
    on the type of the file, not on its brightest pixel, so that the images of a series keep their
    proportions: 65535, in a TIFF of 12 bits 4095, in a PGM its maximum. A file of 16 bits that uses
    only the lower 12 is dark, and there is a warning; scale such files in `load_image`. Floats are
    0 to 1, or 0 to 255 where the brightest pixel is above 1. Integers of 32 bits are read as 16
    bits, and clipped.

    Args:
        path: The file.
        upright: Rotate as the EXIF orientation says. By default pixels stay as they are stored,
            because annotations are drawn on these.
        at_least_hw: Height and width that suffice. A JPEG that is at least twice as large both ways
            is decoded at 1/2, 1/4 or 1/8 of its size (rounded up), which costs less time and
            memory. Other images are returned whole.

    Returns:
        `(H, W, 3)` uint8, RGB.

    Raises:
        FileNotFoundError: If there is no file.
        OSError: Names a file that is broken, no image, or larger than MAX_PIXELS.
    """
    with open_image(path) as stored:
        return decode(stored, upright, at_least_hw)


def image_hw(path: PathLike, upright: bool = False) -> Size:
    """Reads the size of an image from its header alone: the rest may still be broken.

    Args:
        path: The file.
        upright: See `read_image`.

    Returns:
        Height and width in pixels.

    Raises:
        OSError: See `read_image`.
    """
    with open_image(path) as image:
        width, height = image.size
        is_sideways = upright and orientation_of(image) in SIDEWAYS
        return (width, height) if is_sideways else (height, width)


def readable_sizes(size_hw: Size) -> list[Size]:
    """Lists the sizes in which `read_image` may return an image if less is enough.

    Args:
        size_hw: Height and width of the image.

    Returns:
        Sizes (height, width), the whole image first.
    """
    return [(-(-size_hw[0] // by), -(-size_hw[1] // by)) for by in _REDUCTIONS]


def orientation(path: PathLike) -> int:
    """Reads the EXIF orientation of an image file.

    Args:
        path: The file.

    Returns:
        1 if the pixels are stored upright, 2 to 8 if EXIF asks for a rotation or a mirror image.

    Raises:
        OSError: See `read_image`.
    """
    return header(path)[1]


def header(path: PathLike) -> tuple[Size, int]:
    """Reads the size and the orientation of an image file.

    Args:
        path: The file.

    Returns:
        stored_hw: Height and width of the stored pixels.
        orientation: See `orientation`.

    Raises:
        OSError: See `read_image`.
    """
    with open_image(path) as image:
        width, height = image.size
        return (height, width), orientation_of(image)


class _PilLimit:
    """Lets PIL open images of MAX_PIXELS while any thread is inside; restores its limit then.

    PIL reads the limit from a global, which belongs to the program that uses this library.
    """

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0
        self.before: int | None = None

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.before = Image.MAX_IMAGE_PIXELS
                if self.before is not None:
                    Image.MAX_IMAGE_PIXELS = max(self.before, MAX_PIXELS)
            self.inside += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                Image.MAX_IMAGE_PIXELS = self.before


_pil_limit = _PilLimit()


@functools.cache
def _formats() -> tuple[str, ...]:
    """Returns those of _FORMATS that this version of PIL has."""
    for module in set(_FORMATS.values()):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"PIL.{module}ImagePlugin")
    return tuple(name for name in _FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def open_image(path: PathLike) -> Iterator[Image.Image]:
    """Opens an image file; whatever goes wrong inside the block names the file.

    Args:
        path: The file.

    Yields:
        The image, its pixels not decoded yet.

    Raises:
        FileNotFoundError: If there is no file.
        OSError: See `read_image`.
    """
    try:
        with _pil_limit:
            opened = Image.open(path, formats=_formats())
        with opened as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
            yield image
    except (FileNotFoundError, MemoryError):
        raise
    except Exception as error:  # a broken file makes PIL raise SyntaxError, struct.error, anything
        raise OSError(f"{path} cannot be read as an image: {_reason(path, error)}") from error


def _reason(path: PathLike, error: Exception) -> str:
    """Says why a file cannot be read and what to do. PIL's own words would not help a user."""
    if isinstance(error, Image.DecompressionBombError):
        return (
            f"it has more than {MAX_PIXELS / 1e6:.0f} million pixels, which is the limit. Scale it "
            "down or leave it out."
        )
    if os.path.isdir(path):
        return "it is a folder. Expected an image file."
    if isinstance(error, PermissionError):
        return "you have no permission to read it. Change its permissions or leave it out."
    if isinstance(error, OSError) and error.errno is not None:
        return f"the system reports “{os.strerror(error.errno)}”."
    if os.path.exists(path) and not os.path.getsize(path):
        return "the file is empty. Download it again or leave it out."
    if isinstance(error, UnidentifiedImageError):
        return (
            "it has no known image format, or its beginning is damaged. Save it as JPEG or PNG, "
            "download it again, or leave it out."
        )
    if "truncated" in str(error).lower():  # the one fault that PIL says clearly
        return "it is cut off. Download it again or leave it out."
    return (
        "its data are damaged, incomplete, or of an unusual kind. Download it again, save it as "
        "JPEG or PNG, or leave it out."
    )


def decode(stored: Image.Image, upright: bool, at_least_hw: Size | None) -> Array:
    """Decodes an open image, see `read_image`.

    Args:
        stored: From `open_image`.
        upright: See `read_image`.
        at_least_hw: See `read_image`.

    Returns:
        `(H, W, 3)` uint8, RGB.
    """
    rotated = upright and orientation_of(stored) > 1
    if at_least_hw is not None:
        height, width = at_least_hw
        if rotated and orientation_of(stored) in SIDEWAYS:
            height, width = width, height
        stored.draft(None, (width, height))  # does nothing for formats that cannot
    negative = stored.format == "JPEG" and stored.mode == "CMYK" and "adobe" not in stored.info
    image = ImageOps.exif_transpose(stored) if rotated else stored
    if image.mode.startswith(("I", "F")):
        return _grey_to_rgb(np.asarray(image), _bits(stored))
    if negative:  # PIL assumes that every CMYK JPEG is inverted, as Adobe writes it
        image = Image.fromarray(255 - np.asarray(image), "CMYK")
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def orientation_of(image: Image.Image) -> int:
    """Returns the EXIF orientation of an open image.

    Args:
        image: From `open_image`.

    Returns:
        See `orientation`.
    """
    # PIL rotates a TIFF itself when it reads the pixels, and changes its size then.
    if image.format == "TIFF":
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken EXIF data fail in many ways, and the pixels are good all the same
        return 1
    return value if value in range(1, 9) else 1


def _bits(stored: Image.Image) -> int:
    """Returns how many bits a grey file of more than 8 uses according to its header, 9 to 16."""
    bits = 16  # PIL stretches a PGM to 16
    if stored.format == "TIFF":
        bits = stored.tag_v2.get(_TIFF_BITS, (16,))[0]  # type: ignore[attr-defined]
    return bits if 8 < bits < 16 else 16


def _grey_to_rgb(grey: Array, bits: int) -> Array:
    """Converts `(H, W)` of floats or many bits; PIL's own conversion would turn them white."""
    grey = np.nan_to_num(grey)
    highest = grey.max(initial=0)
    if grey.dtype.kind == "f":
        grey = grey * 255 if highest <= 1 else grey
    else:
        if bits == 16 and 0 < highest < 2**12:
            warnings.warn(
                "A gray file of 16 bits uses 12 of them or fewer, and is read as it is: dark, "
                "because 65535 is white. If its white is 4095 or 255, scale the files in "
                "load_image, all by the same factor.",
                stacklevel=2,
            )
        grey = grey >> (bits - 8)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
