"""Resized copy: a smaller copy of an image and of the rows that annotate it."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.formats import rle
from fashion.formats.csv_table import COLUMNS
from fashion.formats.resized_runs import resize_runs
from mrcnn.data.annotated_images import annotated_upright
from mrcnn.data.image_io import header as image_header
from mrcnn.data.image_io import read_image
from mrcnn.typing import PathLike, Size

# A JPEG may be decoded at a half, a quarter or an eighth if that is still this many times the size
# of the copy. At 1 pixels are off by 1 to 3 of 255; at 2 by a quarter of that, and an image of 24
# million pixels still takes a third of the time.
_DECODED = 2
_LOSSLESS = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF"}


def copy_hw(image_hw: Size, longest: int) -> Size:
    """Computes the size of a copy.

    Args:
        image_hw: (height, width) of the image.
        longest: Most pixels of the longer side.

    Returns:
        (height, width); the shorter side is rounded down, as Kaggle 2020 does for masks.
    """
    height, width = image_hw
    side = max(height, width)
    if side <= longest:
        return height, width
    return max(1, height * longest // side), max(1, width * longest // side)


def encode_copy(
    path: PathLike, longest: int, quality: int, annotated_hw: Size | None = None
) -> bytes:
    """Encodes the copy of an image.

    Pixels stay as they are stored: an image that EXIF turns keeps lying on its side, where its
    masks are, and loses its EXIF data, so that no program turns it. An image that is small enough
    and has no such tag is returned byte by byte.

    Args:
        path: The image.
        longest: Most pixels of the longer side.
        quality: Of a JPEG, 1..100.
        annotated_hw: (height, width) of the annotations; an image that has this size only when it
            is turned is copied turned.

    Returns:
        The content of a PNG, WebP, BMP or TIFF file if `path` has that extension, otherwise of a
        JPEG.

    Raises:
        OSError: If the image cannot be read; names it.
    """
    image_hw, orientation = image_header(path)
    upright = annotated_hw is not None and annotated_upright(annotated_hw, image_hw, orientation)
    if upright:
        image_hw = image_hw[::-1]
    size_hw = copy_hw(image_hw, longest)
    if size_hw == image_hw:
        pixels = read_image(path, upright)  # also to see that it is intact
        if orientation == 1:
            return Path(path).read_bytes()
    else:
        height, width = size_hw
        pixels = read_image(path, upright, at_least_hw=(_DECODED * height, _DECODED * width))
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    image, file, extension = Image.fromarray(pixels), io.BytesIO(), Path(path).suffix.lower()
    if extension in _LOSSLESS:
        image.save(file, _LOSSLESS[extension])
    elif extension == ".webp":
        image.save(file, "WEBP", quality=quality)
    else:
        # Colours at full resolution: at quality 92 a fifth more bytes, and closer to the original
        # than quality 95 without.
        image.save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()


def header(year: int) -> list[str]:
    """Returns the columns of an annotation CSV.

    Args:
        year: 2019 or 2020.

    Returns:
        The names, in order.
    """
    return [*COLUMNS, *(["AttributesIds"] if year == 2020 else [])]


def copy_rows(
    dataset: IMaterialistDataset, image_id: int, longest: int
) -> tuple[list[list[Any]], int]:
    """Makes the CSV rows of an image's copy.

    Args:
        dataset: The images.
        image_id: Number of the image in the dataset.
        longest: Most pixels of the copy's longer side.

    Returns:
        The rows, with the columns of `header`, and how many of their masks were too small for the
        copy and kept one pixel.
    """
    image_hw = dataset.image_hw(image_id)
    size_hw = copy_hw(image_hw, longest)
    texts, lost = dataset.runs(image_id), 0
    if size_hw != image_hw:
        starts, lengths, counts, gone = resize_runs(
            *rle.parse_all(texts, image_hw), image_hw, size_hw
        )
        ends = np.cumsum(counts)
        texts = [
            rle.format_runs(starts[end - n : end], lengths[end - n : end])
            for n, end in zip(counts, ends)
        ]
        lost = int(gone.sum())
    name = dataset.image_info[image_id]["id"]
    rows = dataset.annotations.rows_of(image_id)
    if not texts:  # one row says that there are no objects
        return [[name, "", *size_hw, *[""] * (len(header(dataset.year)) - len(COLUMNS) + 1)]], lost
    return [[name, text, *size_hw, *_labels(dataset, row)] for row, text in zip(rows, texts)], lost


def _labels(dataset: IMaterialistDataset, row: int) -> list[Any]:
    """[ClassId] of 2019, with the attributes in it, or [ClassId, AttributesIds] of 2020."""
    a, ontology = dataset.annotations, dataset.ontology
    category = ontology.category_id_of(int(a.class_ids[row]))
    indices = a.attributes[a.first_attribute[row] : a.first_attribute[row + 1]]
    attributes = [ontology.attribute_ids[i] for i in indices]
    if dataset.year == 2019:
        return ["_".join(map(str, [category, *attributes]))]
    return [category, ",".join(map(str, attributes))]
