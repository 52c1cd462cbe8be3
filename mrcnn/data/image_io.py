"""Image files: whatever a camera, a scanner or a web shop writes, read as (H, W, 3) uint8 RGB."""

import contextlib
import functools
import importlib
import os
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

# Telephones take 200 million pixels. PIL warns of an attack from 89 million on and refuses from 179 on; what is larger than this takes
# 800 MB and is more likely a broken header.
MAX_PIXELS = 2**28

# Kinds of photos, and the modules of PIL that read them. Nothing else is opened, whatever a file is
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
# Endings of the files that `read_image` reads, the most usual first.
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

_REDUCED = (1, 2, 4, 8)  # a JPEG can be decoded at one over these of its size, rounded up
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
_TIFF_BITS = 258  # TIFF's tag BitsPerSample


def read_image(path, upright=False, at_least_hw=None):
    """(H, W, 3) uint8, RGB, of an image file.

    Grey, palette, CMYK and 16-bit files are converted; transparency is dropped, as Matterport does; of an animation the first picture.
    Of 16 bits the upper 8 are kept, in grey as in colour, as OpenCV and scikit-image's `img_as_ubyte` do: what is white depends on the
    file's type, not on its brightest pixel, so that the frames of a series keep their proportions. White is 65535, in a TIFF of 12 bits
    4095, in a PGM its greatest value. A file of 16 bits that uses the lower 12 only is dark, and there is a warning; scale such files in
    `load_image`.
    Floats are 0 to 1, or 0 to 255 where the brightest pixel is above 1. Integers of 32 bits are taken for 16, what lies beyond is cut off.
    upright: turn the photo as its EXIF data say. Annotations belong to the pixels as they are stored, so the default leaves them.
    at_least_hw: (height, width) of what is returned that are enough. A JPEG that is at least twice as large both ways is decoded at a
        half, a quarter or an eighth of its size (rounded up), which costs less time and memory; anything else is returned whole.
    Raises FileNotFoundError, or OSError naming a file that is broken, no image, or larger than MAX_PIXELS.
    """
    with _opened(path) as stored:
        return _pixels(stored, upright, at_least_hw)


def image_hw(path, upright=False):
    """(height, width) of an image file, from its header alone: the rest may still be broken. upright, errors: see `read_image`."""
    with _opened(path) as image:
        width, height = image.size
        return (width, height) if upright and _orientation(image) in _SIDEWAYS else (height, width)


def readable_sizes(size_hw):
    """In which sizes `read_image` may return an image of `size_hw` if less is enough: a list of (height, width), the whole first."""
    return [tuple(-(-n // by) for n in size_hw) for by in _REDUCED]


def orientation(path):
    """1 for an image file whose pixels are stored upright, 2 to 8 where EXIF data ask for a turn or a mirror. Errors: see `read_image`."""
    return header(path)[1]


def header(path):
    """((height, width) of the stored pixels, orientation as of `orientation`) of an image file.
    Errors: see `read_image`."""
    with _opened(path) as image:
        return image.size[::-1], _orientation(image)


def annotated_upright(size_hw, stored_hw, orientation):
    """Whether annotations of an image of `size_hw` were drawn on a photo that its EXIF orientation
    has turned.

    stored_hw: (height, width) of the stored pixels. Programs that mark up photos show them turned,
    and older ones as they are stored: the size tells, but for a square photo or one that stands on
    its head, whose annotations are taken to be of the stored pixels.
    Raises ValueError if the photo has this size neither way.
    """
    size_hw, stored_hw = tuple(size_hw), tuple(stored_hw)
    if size_hw == stored_hw:
        return False
    if orientation in _SIDEWAYS and size_hw == stored_hw[::-1]:
        return True
    turned = ""
    if orientation in _SIDEWAYS:
        turned = (
            f"; with its EXIF orientation {orientation} it is {stored_hw[1]} high and "
            f"{stored_hw[0]} wide"
        )
    elif orientation > 1:
        turned = f"; its EXIF orientation {orientation} does not change that"
    raise ValueError(
        f"Height and Width are {size_hw[0]} and {size_hw[1]}, but the image is "
        f"{stored_hw[0]} high and {stored_hw[1]} "
        f"wide{turned}"
    )


def turns_without_trace(stored_hw, orientation):
    """Whether an EXIF orientation turns or mirrors a photo so that its size stays the same."""
    return orientation > 1 and (orientation not in _SIDEWAYS or stored_hw[0] == stored_hw[1])


def read_annotated(path, size_hw, at_least_hw=None, on_guess=None):
    """`read_image` of a photo in the frame of its annotations: as stored, or turned by EXIF.

    Args:
        path: Image file.
        size_hw: (height, width) of the annotations; see `annotated_upright`.
        at_least_hw: See `read_image`.
        on_guess: Called with the path where EXIF data turn or mirror the photo and its size does
            not tell whether it was annotated so; the stored pixels are returned then.

    Raises:
        ValueError: Names the file where it has this size neither way.
        OSError: See `read_image`.
    """
    with _opened(path) as stored:
        stored_hw, turn = stored.size[::-1], _orientation(stored)
        try:
            upright = annotated_upright(size_hw, stored_hw, turn)
        except ValueError as error:
            fault = error
        else:
            pixels = _pixels(stored, upright, at_least_hw)
            if on_guess is not None and turns_without_trace(stored_hw, turn):
                on_guess(path)
            return pixels
    raise ValueError(f"{fault} ({path}). Correct the annotations, or save the photo in their size.")


def path_inside(folder, name):
    """The path of a data set's file `name` (str) in `folder`. Raises ValueError if that lies
    elsewhere, be it by a symbolic link.

    A data set that somebody else made might name any file of this computer; the folder itself may
    be a link.
    """
    if not isinstance(name, str) or "\0" in name or not name.strip():
        raise ValueError(f"{name!r} is no file name. Expected the name of a photo in {folder}.")
    folder = Path(folder)
    path = folder / name
    parts = name.replace("\\", "/").split("/")
    leaves = (
        ".." in parts
        or Path(name).is_absolute()
        and not path.is_relative_to(os.path.abspath(folder))
    )
    # Where a name has no folder in it, only the file itself can be a link, and asking that is
    # quick.
    if not leaves and (len(parts) > 1 or os.path.islink(path)):
        leaves = not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    if leaves:
        raise ValueError(
            f"The photo {name!r} lies outside of {folder}, or is a link to a file "
            "outside. Copy it into that folder."
        )
    return path


class _PilLimit:
    """While any thread is inside, PIL opens images of MAX_PIXELS; afterwards its limit is that of
    the program again."""

    def __init__(self):
        self.lock, self.inside, self.before = threading.Lock(), 0, None

    def __enter__(self):
        with self.lock:
            if not self.inside:
                self.before = Image.MAX_IMAGE_PIXELS
                if self.before is not None:
                    Image.MAX_IMAGE_PIXELS = max(self.before, MAX_PIXELS)
            self.inside += 1

    def __exit__(self, *error):
        with self.lock:
            self.inside -= 1
            if not self.inside:
                Image.MAX_IMAGE_PIXELS = self.before


_pil_limit = _PilLimit()


@functools.cache
def _formats():
    """Those of _FORMATS that this PIL has."""
    for module in set(_FORMATS.values()):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"PIL.{module}ImagePlugin")
    return tuple(name for name in _FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def _opened(path):
    """PIL's image of a file, its pixels not read yet; whatever goes wrong with it becomes an OSError that names the file."""
    try:
        with _pil_limit:
            opened = Image.open(path, formats=_formats())
        with opened as image:
            if image.width * image.height > MAX_PIXELS:
                raise OSError(
                    f"it is {image.width} x {image.height} pixels; {MAX_PIXELS / 1e6:.0f} million are the most"
                )
            yield image
    except FileNotFoundError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # of a broken file PIL raises whatever it stumbles over: SyntaxError, ValueError, struct.error …
        raise OSError(
            f"{path} cannot be read as an image ({error}). It may be cut off or no image at all; "
            "fetch it again or leave it out."
        ) from error


def _pixels(stored, upright, at_least_hw):
    """What `read_image` returns of an open image."""
    turned = upright and _orientation(stored) > 1
    if at_least_hw is not None:
        height, width = (
            at_least_hw[::-1] if turned and _orientation(stored) in _SIDEWAYS else at_least_hw
        )
        stored.draft(None, (width, height))  # does nothing for formats that cannot
    negative = stored.format == "JPEG" and stored.mode == "CMYK" and "adobe" not in stored.info
    image = ImageOps.exif_transpose(stored) if turned else stored
    if image.mode.startswith(("I", "F")):
        return _grey_to_rgb(np.asarray(image), _bits(stored))
    if negative:  # PIL takes the ink of every CMYK JPEG for inverted, as Adobe writes it
        image = Image.fromarray(255 - np.asarray(image), "CMYK")
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _orientation(image):
    # which PIL turns itself as it reads the pixels, and the size is that afterwards
    if image.format == "TIFF":
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (
        Exception
    ):  # EXIF data that PIL cannot parse fail in many ways, and the pixels are good all the same
        return 1
    return value if value in range(1, 9) else 1


def _bits(stored):
    """How many bits a grey file of more than 8 says its pixels have, 9 to 16."""
    bits = (
        stored.tag_v2.get(_TIFF_BITS, (16,))[0] if stored.format == "TIFF" else 16
    )  # a PGM's are stretched to 16 by PIL
    return bits if 8 < bits < 16 else 16


def _grey_to_rgb(grey, bits):
    """(H, W) of so many bits, or floats -> (H, W, 3) uint8. PIL's own conversion would turn them white."""
    grey = np.nan_to_num(grey)
    highest = grey.max(initial=0)
    if grey.dtype.kind == "f":
        grey = grey * 255 if highest <= 1 else grey
    else:
        if bits == 16 and 0 < highest < 2**12:
            warnings.warn(
                "A grey file of 16 bits uses 12 of them or fewer, and is read as it is: dark, because 65535 is white. If its "
                "white is 4095 or 255, scale the files in load_image, all by the same factor.",
                stacklevel=2,
            )
        grey = grey >> (bits - 8)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
