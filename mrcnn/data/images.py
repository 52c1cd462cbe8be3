"""Image files: whatever a camera, a scanner or a web shop writes, read as (H, W, 3) uint8 RGB."""
import contextlib
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps

# Telephones take 200 million pixels. PIL warns of an attack from 89 million on and refuses from 179 on; what is larger than this takes
# 800 MB and is more likely a broken header.
MAX_PIXELS = 2**28
if Image.MAX_IMAGE_PIXELS is not None:
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MAX_PIXELS)

_REDUCED = (1, 2, 4, 8)     # a JPEG can be decoded at one over these of its size, rounded up
_SIDEWAYS = (5, 6, 7, 8)    # EXIF orientations that exchange height and width
_TIFF_BITS = 258            # TIFF's tag BitsPerSample


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
        turned = upright and _orientation(stored) > 1
        if at_least_hw is not None:
            height, width = at_least_hw[::-1] if turned and _orientation(stored) in _SIDEWAYS else at_least_hw
            stored.draft(None, (width, height))         # does nothing for formats that cannot
        negative = stored.format == "JPEG" and stored.mode == "CMYK" and "adobe" not in stored.info
        image = ImageOps.exif_transpose(stored) if turned else stored
        if image.mode.startswith(("I", "F")):
            return _grey_to_rgb(np.asarray(image), _bits(stored))
        if negative:    # PIL takes the ink of every CMYK JPEG for inverted, as Adobe writes it
            image = Image.fromarray(255 - np.asarray(image), "CMYK")
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))


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
    with _opened(path) as image:
        return _orientation(image)


@contextlib.contextmanager
def _opened(path):
    """PIL's image of a file, its pixels not read yet; whatever goes wrong with it becomes an OSError that names the file."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise OSError(f"it is {image.width} x {image.height} pixels; {MAX_PIXELS / 1e6:.0f} million are the most")
            yield image
    except FileNotFoundError:
        raise
    except MemoryError:
        raise
    except Exception as error:      # of a broken file PIL raises whatever it stumbles over: SyntaxError, ValueError, struct.error …
        raise OSError(f"{path} cannot be read as an image ({error}). It may be cut off or no image at all; "
                      "fetch it again or leave it out.") from error


def _orientation(image):
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:   # EXIF data that PIL cannot parse fail in many ways, and the pixels are good all the same
        return 1
    return value if value in range(1, 9) else 1


def _bits(stored):
    """How many bits a grey file of more than 8 says its pixels have, 9 to 16."""
    bits = stored.tag_v2.get(_TIFF_BITS, (16,))[0] if stored.format == "TIFF" else 16   # a PGM's are stretched to 16 by PIL
    return bits if 8 < bits < 16 else 16


def _grey_to_rgb(grey, bits):
    """(H, W) of so many bits, or floats -> (H, W, 3) uint8. PIL's own conversion would turn them white."""
    grey = np.nan_to_num(grey)
    highest = grey.max(initial=0)
    if grey.dtype.kind == "f":
        grey = grey * 255 if highest <= 1 else grey
    else:
        if bits == 16 and 0 < highest < 2**12:
            warnings.warn("A grey file of 16 bits uses 12 of them or fewer, and is read as it is: dark, because 65535 is white. If its "
                          "white is 4095 or 255, scale the files in load_image, all by the same factor.", stacklevel=2)
        grey = grey >> (bits - 8)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
