"""Image files that annotations name: where they are, and whether EXIF rotates them.

Some annotation programs show images rotated by EXIF, older ones as the pixels are stored. Only the
size that they note tells which.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mrcnn.data.image_io import SIDEWAYS, decode, open_image, orientation_of
from mrcnn.typing import Array, PathLike, Size


def annotated_upright(size_hw: Size, stored_hw: Size, orientation: int) -> bool:
    """Returns whether annotations were drawn on an image that EXIF has rotated.

    Square images and those that stand on their head look the same both ways; their annotations are
    assumed to be of the stored pixels.

    Args:
        size_hw: Height and width according to the annotations.
        stored_hw: Height and width of the stored pixels.
        orientation: See `mrcnn.data.image_io.orientation`.

    Returns:
        True if they were drawn on the rotated image.

    Raises:
        ValueError: If the image has this size neither way.
    """
    size_hw, stored_hw = (size_hw[0], size_hw[1]), (stored_hw[0], stored_hw[1])
    if size_hw == stored_hw:
        return False
    if orientation in SIDEWAYS and size_hw == stored_hw[::-1]:
        return True
    rotated = ""
    if orientation in SIDEWAYS:
        rotated = (
            f"; with its EXIF orientation {orientation} it is {stored_hw[1]} high and "
            f"{stored_hw[0]} wide"
        )
    elif orientation > 1:
        rotated = f"; its EXIF orientation {orientation} does not change that"
    raise ValueError(
        f"Height and Width are {size_hw[0]} and {size_hw[1]}, but the image is {stored_hw[0]} high "
        f"and {stored_hw[1]} wide{rotated}"
    )


def turns_without_trace(stored_hw: Size, orientation: int) -> bool:
    """Returns whether EXIF rotates or mirrors an image so that its size stays the same.

    Args:
        stored_hw: Height and width of the stored pixels.
        orientation: See `mrcnn.data.image_io.orientation`.

    Returns:
        True if it does: then the size cannot tell what the annotations were drawn on.
    """
    return orientation > 1 and (orientation not in SIDEWAYS or stored_hw[0] == stored_hw[1])


def read_annotated(
    path: PathLike,
    size_hw: Size,
    at_least_hw: Size | None = None,
    on_guess: Callable[[Any], None] | None = None,
) -> Array:
    """Reads an image in the frame of its annotations: as stored, or rotated by EXIF.

    Args:
        path: Image file.
        size_hw: Height and width according to the annotations; see `annotated_upright`.
        at_least_hw: See `mrcnn.data.image_io.read_image`.
        on_guess: Called with the path if EXIF rotates or mirrors the image and its size does not
            tell whether it was annotated so; the stored pixels are returned then.

    Returns:
        `(h, w, 3)` uint8, RGB.

    Raises:
        ValueError: Names the file if it has this size neither way.
        OSError: See `mrcnn.data.image_io.read_image`.
    """
    with open_image(path) as stored:
        width, height = stored.size
        stored_hw, orientation = (height, width), orientation_of(stored)
        try:
            upright = annotated_upright(size_hw, stored_hw, orientation)
        except ValueError as error:
            wrong_size = error  # raised below: open_image would call the file broken
        else:
            pixels = decode(stored, upright, at_least_hw)
            if on_guess is not None and turns_without_trace(stored_hw, orientation):
                on_guess(path)
            return pixels
    raise ValueError(
        f"{wrong_size} ({path}). Correct the annotations, or save the photo in their size."
    )


def path_inside(folder: PathLike, name: Any) -> Path:
    """Joins a folder and a file name of a data set, and checks that the result stays inside.

    A data set from somebody else might name any file of this computer. The folder itself may be a
    link.

    Args:
        folder: The folder of the images.
        name: File name, perhaps with folders.

    Returns:
        The path.

    Raises:
        ValueError: For a path outside of the folder, be it by a symbolic link.
    """
    if not isinstance(name, str) or "\0" in name or not name.strip():
        raise ValueError(f"{name!r} is not a file name. Expected the name of a photo in {folder}.")
    folder = Path(folder)
    path = folder / name
    parts = name.replace("\\", "/").split("/")
    is_absolute = Path(name).is_absolute() and not path.is_relative_to(os.path.abspath(folder))
    outside = ".." in parts or is_absolute
    # Without a folder in the name, only the file itself can be a link, which is quick to check.
    if not outside and (len(parts) > 1 or os.path.islink(path)):
        outside = not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    if outside:
        raise ValueError(
            f"The photo {name!r} lies outside of {folder}, or is a link to a file "
            "outside. Copy it into that folder."
        )
    return path
