"""Image files: whatever a camera, a scanner or a web shop writes, read as (H, W, 3) uint8 RGB."""
import contextlib

import numpy as np
from PIL import ExifTags, Image, ImageOps

# Telephones take 200 million pixels. PIL warns of an attack from 89 million on and refuses from 179 on; what is larger than this takes
# 800 MB and is more likely a broken header.
MAX_PIXELS = 2**28
if Image.MAX_IMAGE_PIXELS is not None:
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MAX_PIXELS)

_REDUCED = (1, 2, 4, 8)     # a JPEG can be decoded at one over these of its size, rounded up
_SIDEWAYS = (5, 6, 7, 8)    # EXIF orientations that exchange height and width


def read_image(path, upright=False, at_least_hw=None):
    """(H, W, 3) uint8, RGB, of an image file.

    Grey, palette, CMYK and 16-bit files are converted; transparency is dropped, as Matterport does; of an animation the first picture.
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
            return _grey_to_rgb(np.asarray(image))
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


def _grey_to_rgb(grey):
    """(H, W) of 16 bits or more -> (H, W, 3) uint8. PIL's own conversion would turn them white."""
    if grey.dtype.kind == "f":
        grey = grey * 255 if grey.max(initial=0) <= 1 else grey
    elif grey.max(initial=0) > 255:
        grey = grey // 257   # 65535 -> 255
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
