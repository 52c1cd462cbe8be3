"""A smaller copy of a photo and of the rows that annotate it."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fashion.formats import rle
from fashion.formats.csv_table import COLUMNS
from fashion.formats.resized_runs import resize_runs
from mrcnn.data.annotated_images import annotated_upright
from mrcnn.data.image_io import header as photo_header
from mrcnn.data.image_io import read_image

# A JPEG may be decoded at a half, a quarter or an eighth where that is still this many times the copy's size. At 1 the copy's pixels are
# off by 1 to 3 of 255; at 2 by a quarter of that, and a photo of 24 million pixels still takes a third of the time.
_DECODED = 2
_WITHOUT_LOSS = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF"}


def copy_hw(photo_hw, longest):
    """(height, width) of the copy: the longer side is at most `longest`, the other one rounded down, as Kaggle 2020 does for masks."""
    side = max(photo_hw)
    return (
        tuple(photo_hw) if side <= longest else tuple(max(1, n * longest // side) for n in photo_hw)
    )


def encode_copy(path, longest, quality, annotated_hw=None):
    """The file of a photo's copy, bytes: a JPEG of `quality` (1..100), or PNG, WebP, BMP or TIFF if
    `path` ends like that.

    The pixels stay as they are stored: a photo that EXIF data turn keeps lying on its side, where its masks are, and loses the data, so
    that no program turns it any more. A photo that is small enough and carries no such tag is returned as it is, byte by byte.
    annotated_hw: (height, width) of the annotations; a photo that has this size when it is turned
        is copied turned
    Raises OSError naming a photo that cannot be read.
    """
    photo_hw, turn = photo_header(path)
    upright = annotated_hw is not None and annotated_upright(annotated_hw, photo_hw, turn)
    photo_hw = photo_hw[::-1] if upright else photo_hw
    size_hw = copy_hw(photo_hw, longest)
    if size_hw == photo_hw:
        photo = read_image(path, upright)  # also to see that it is whole
        if turn == 1:
            return Path(path).read_bytes()
    else:
        photo = read_image(path, upright, at_least_hw=tuple(_DECODED * n for n in size_hw))
        photo = cv2.resize(photo, size_hw[::-1], interpolation=cv2.INTER_AREA)
    file, ending = io.BytesIO(), Path(path).suffix.lower()
    if ending in _WITHOUT_LOSS:
        Image.fromarray(photo).save(file, _WITHOUT_LOSS[ending])
    elif ending == ".webp":
        Image.fromarray(photo).save(file, "WEBP", quality=quality)
    else:
        # Colours at full resolution: at a quality of 92 a fifth more bytes, and nearer to the photo than 95 without.
        Image.fromarray(photo).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()


def header(year):
    """The CSV's columns, a list of str."""
    return [*COLUMNS, *(["AttributesIds"] if year == 2020 else [])]


def copy_rows(dataset, image_id, longest):
    """The CSV rows of one image's copy.

    dataset: an IMaterialistDataset; image_id: its number there.
    Returns: rows, lists of values in the order of `header`; how many of their masks were too small for the copy and kept one pixel.
    """
    photo_hw = dataset.image_hw(image_id)
    size_hw = copy_hw(photo_hw, longest)
    texts, lost = dataset.runs(image_id), 0
    if size_hw != photo_hw:
        starts, lengths, counts, gone = resize_runs(
            *rle.parse_all(texts, photo_hw), photo_hw, size_hw
        )
        ends = np.cumsum(counts)
        texts = [
            rle.format_runs(starts[end - n : end], lengths[end - n : end])
            for n, end in zip(counts, ends)
        ]
        lost = int(gone.sum())
    name = dataset.image_info[image_id]["id"]
    rows = dataset.annotations.rows_of(image_id)
    if not texts:  # a row of its own says that there is nothing
        return [[name, "", *size_hw, *[""] * (len(header(dataset.year)) - len(COLUMNS) + 1)]], lost
    return [[name, text, *size_hw, *_labels(dataset, row)] for row, text in zip(rows, texts)], lost


def _labels(dataset, row):
    """[ClassId] of 2019, with the attributes in it, or [ClassId, AttributesIds] of 2020."""
    a, ontology = dataset.annotations, dataset.ontology
    category = ontology.category_id_of(int(a.class_ids[row]))
    attributes = [
        ontology.attribute_ids[i]
        for i in a.attributes[a.first_attribute[row] : a.first_attribute[row + 1]]
    ]
    if dataset.year == 2019:
        return ["_".join(map(str, [category, *attributes]))]
    return [category, ",".join(map(str, attributes))]
