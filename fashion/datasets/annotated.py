"""Annotated photos of any format as the data set that training and scoring read.

Files are read and checked once. Masks, labels and sizes are kept in an index file, as for a CSV.
"""

import dataclasses
import hashlib
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fashion.datasets.image_files import ImageFinder
from fashion.datasets.imaterialist import IMaterialistDataset, dataset_of
from fashion.datasets.readers.base import Part, Photo, Reader, Shape, numbered_labels
from fashion.datasets.readers.registry import reader_of
from fashion.formats.annotations import Annotations, offsets
from fashion.formats.bad_rows import BadRow
from fashion.formats.index_cache import Index, find_index, index_places, keep_index
from fashion.formats.label_lists import ids_by_name
from fashion.labels.ontology import Ontology
from mrcnn.data.masks.coco_rle import pack, segmentation_counts
from mrcnn.typing import Array, Size

log = logging.getLogger(__name__)

_BAR_DELAY = 2  # seconds of reading before a progress bar is shown
_YEAR = 2020  # whose columns a copy in Kaggle's layout has


def labels_of_part(part: Part) -> Ontology:
    """Reads the label list of a part; the file is read as a whole and remembered.

    Args:
        part: The part; no CSV of Kaggle.

    Returns:
        Its labels.

    Raises:
        ValueError: If the file cannot be read.
    """
    return Ontology.from_dict(_index_of(part, None).facts["labels"])


def labels_of_parts(parts: Sequence[Part]) -> Ontology:
    """Reads the label list of a data set.

    Args:
        parts: Its parts, none a CSV of Kaggle.

    Returns:
        The labels of the first part. Where files list only the categories that occur in them,
        those of all parts, sorted by name.

    Raises:
        ValueError: If a file cannot be read.
    """
    first = labels_of_part(parts[0])
    if not reader_of(parts[0]).names_only:
        return first
    names = {name for part in parts for name in labels_of_part(part).category_names}
    return first if names == set(first.category_names) else numbered_labels(sorted(names))


def load_part(
    part: Part,
    ontology: Ontology | None = None,
    *,
    skip_bad: bool = False,
    image_ids: Iterable[str] | None = None,
    check_images: bool = True,
) -> IMaterialistDataset:
    """Loads a part of a data set that is not a CSV of Kaggle.

    Args:
        part: The part.
        ontology: The labels of the data set; those of the file are matched by name. None takes
            those of the file.
        skip_bad: Leaves out annotations that cannot be used, with a warning, instead of raising.
        image_ids: Loads only these images; None loads all.
        check_images: See `load_imaterialist`.

    Returns:
        The data set.

    Raises:
        BadRows: If annotations cannot be used, all of which it names.
        ValueError: If the file cannot be read, or nothing is left.
        FileNotFoundError: If every photo is missing.
    """
    index = _index_of(part, ontology)
    labels = ontology or Ontology.from_dict(index.facts["labels"])
    annotations = Annotations.from_index(part.annotations, index)
    bad = [BadRow(*row) for row in index.facts["bad"]]
    for warning in index.facts["warnings"]:
        log.warning("%s: %s", part, warning)
    if image_ids is not None:
        wanted = set(image_ids)
        annotations = annotations.of_images([name in wanted for name in annotations.image_ids])
        bad = [row for row in bad if row.image_id in wanted]
    finder = ImageFinder(part.images, part.annotations.stem)
    return dataset_of(
        annotations, finder.find_all(annotations.image_ids), labels, bad, skip_bad, check_images
    )


def _index_of(part: Part, ontology: Ontology | None) -> Index:
    """What a part holds, from an index file if there is one."""
    reader = reader_of(part)
    files = reader.files(part)
    key = _key(part, files)
    own_key = key | {"labels": None}
    own_places = index_places(part.annotations, f"objects-{_short(own_key, part)}")
    own = find_index(own_places, own_key, _is_valid)
    if ontology is None or own is not None and own.facts["labels"] == ontology.to_dict():
        return own or _compute(reader, part, None, own_places, own_key)
    key |= {"labels": ontology.to_dict()}
    places = index_places(part.annotations, f"objects-{_short(key, part)}")
    found = find_index(places, key, _is_valid)
    return found or _compute(reader, part, ontology, places, key)


def _is_valid(index: Index) -> bool:
    """Whether an index file, which may come from somewhere else, has the expected content."""
    facts, arrays = index.facts, index.arrays
    warnings, images = facts.get("warnings"), facts.get("image_ids")
    if (
        not Annotations.is_valid_index(index)
        or "masks" not in arrays
        or not isinstance(images, list)
    ):
        return False
    if not isinstance(warnings, list) or not all(isinstance(text, str) for text in warnings):
        return False
    try:
        own = Ontology.from_dict(facts["labels"])
        used = facts["key"]["labels"]
        labels = own if used is None else Ontology.from_dict(used)
    except (ValueError, KeyError, TypeError):
        return False
    classes = [arrays[name] for name in ("class_ids", "crowd_class_ids") if name in arrays]
    return (
        all((ids < labels.num_classes).all() for ids in classes)
        and bool((arrays["attributes"] < labels.num_attributes).all())
        and ("active" not in arrays or arrays["active"].shape[1] == labels.num_classes)
    )


def _compute(
    reader: Reader,
    part: Part,
    ontology: Ontology | None,
    places: list[Path],
    key: Mapping[str, Any],
) -> Index:
    content = reader.load(part)
    own = reader.labels(part, content)
    finder = ImageFinder(part.images, part.annotations.stem)
    collector = _Collector(part, reader.unit, own, ontology or own)
    photos = reader.photos(part, content, finder.find)
    for photo in tqdm(photos, desc=str(part.annotations.name), unit="image", delay=_BAR_DELAY):
        collector.add(photo)
    facts, arrays = collector.result()
    return keep_index(places, key, facts, arrays) or Index(None, "", facts, arrays)


def _key(part: Part, files: Iterable[Path]) -> dict[str, Any]:
    """Identifies the current state of the files of a part."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        status = file.stat()
        name = os.path.relpath(file, part.annotations.parent)
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return {
        "objects": 1,
        "reader": part.reader,
        "section": part.section,
        "files": digest.hexdigest(),
    }


def _short(key: Mapping[str, Any], part: Part) -> str:
    """A short name for what an index is about, apart from the state of its files."""
    about = repr((key["reader"], key["section"], key["labels"])).encode()
    return hashlib.blake2b(about, digest_size=4).hexdigest()


class _Collector:
    """Collects the photos of a part: columns of `Annotations`, and bad rows.

    Args:
        part: The part.
        unit: What the places of shapes count.
        own: The labels of the file.
        ontology: The labels of the data set.
    """

    def __init__(self, part: Part, unit: str, own: Ontology, ontology: Ontology) -> None:
        self.part, self.unit, self.own, self.ontology = part, unit, own, ontology
        self.bad: list[BadRow] = []
        self._classes, self._attributes = _mapped_labels(part, own, ontology)
        self._image_ids: dict[str, None] = {}
        self._image_hw: list[Size] = []
        self._image_place: list[int] = []
        self._rows, self._crowds = _Rows(), _Rows()
        self._attribute_count: list[int] = []
        self._attribute_indices: list[int] = []
        self._active: dict[int, set[int]] = {}
        self._masks: list[bytes] = []
        self._mask_bytes = 0
        self._tiny = self._boxed = self._without_attribute = 0

    def add(self, photo: Photo) -> None:
        """Adds a photo with its objects, or notes why it cannot be used."""
        size_hw, fault = photo.size_hw, self._fault_of(photo)
        if fault or size_hw is None:
            places = [(shape.place, self.unit) for shape in photo.shapes]
            for place, unit in places or [(photo.place, "image")]:
                self.bad.append(BadRow(place, photo.name, str(fault), unit))
            return
        good = [shape for shape in photo.shapes if self._is_good(shape, photo)]
        if photo.shapes and not good:
            # A bad annotation shows an object, and training would learn that there is none.
            return
        number = len(self._image_ids)
        self._image_ids[photo.name] = None
        self._image_hw.append(size_hw)
        self._image_place.append(photo.place)
        counts = [0, 0]
        for shape in good:
            counts[shape.crowd] += self._add_shape(shape, photo, size_hw)
        self._rows.counts.append(counts[0])
        self._crowds.counts.append(counts[1])
        if photo.looked_for is not None:
            self._active[number] = {
                self._classes[i] for i in photo.looked_for if i in self._classes
            }

    def _fault_of(self, photo: Photo) -> str | None:
        if photo.fault:
            return photo.fault
        faults = [shape.fault for shape in photo.shapes if shape.fault]
        if photo.name == "?":
            return faults[0] if faults else "it has no file name"
        if photo.name in self._image_ids:
            return "the file has this photo twice"
        if photo.size_hw is None:
            return "there is no such photo in the folder of photos"
        return None

    def _is_good(self, shape: Shape, photo: Photo) -> bool:
        """Whether a shape can be used; reads its mask."""
        fault = shape.fault
        if fault is None and shape.category not in self._classes:
            known = shape.category in self.own.category_ids
            place = shape.category if not known else self.own.category_ids.index(shape.category)
            name = f"{self.own.category_names[place]!r}" if known else str(shape.category)
            fault = f"unknown category {name}"
        if fault is None:
            unknown = [i for i in shape.attributes if i not in self._attributes]
            fault = f"unknown attribute {unknown[0]}" if unknown else None
        if fault is None:
            try:
                shape.segmentation = segmentation_counts(shape.segmentation, photo.size_hw, "it")
            except ValueError as error:
                fault = str(error).rstrip(".")
        if fault:
            self.bad.append(BadRow(shape.place, photo.name, fault, self.unit))
        return fault is None

    def _add_shape(self, shape: Shape, photo: Photo, size_hw: Size) -> int:
        """Adds a good shape; returns 0 if its mask has no pixel."""
        counts: Array = shape.segmentation
        if not counts[1::2].any():
            self._tiny += 1
            return 0
        self._boxed += shape.boxed
        text = pack(counts).encode("ascii")
        rows = self._crowds if shape.crowd else self._rows
        rows.add(shape.place, self._classes[shape.category], self._mask_bytes, len(text))
        self._masks.append(text)
        self._mask_bytes += len(text)
        if not shape.crowd:
            mapped = [self._attributes[i] for i in shape.attributes]
            indices = sorted({i for i in mapped if i is not None})
            self._without_attribute += sum(i is None for i in mapped)
            self._attribute_count.append(len(indices))
            self._attribute_indices += indices
        return 1

    def result(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Returns facts and arrays, as `Annotations.from_index` expects them."""
        facts: dict[str, Any] = {
            "year": _YEAR,
            "unit": self.unit,
            "image_ids": list(self._image_ids),
            "file_stamp": [0, 0],
            "bad": [dataclasses.astuple(row) for row in self.bad],
            "without_runs": 0,
            "first_without_runs": 0,
            "labels": self.own.to_dict(),
            "warnings": self._warnings(),
        }
        arrays: dict[str, Array] = {
            "image_hw": np.array(self._image_hw, np.int32).reshape(-1, 2),
            "image_line": np.array(self._image_place, np.int64),
            **self._rows.columns(),
            "first_attribute": offsets(np.array(self._attribute_count, np.int64)),
            "attributes": np.array(self._attribute_indices, np.int32),
            "masks": np.frombuffer(b"".join(self._masks), np.uint8),
        }
        if self._crowds.places:
            columns = self._crowds.columns()
            arrays |= {f"crowd_{name}": column for name, column in columns.items()}
        if self._active:
            active = np.ones((len(self._image_ids), self.ontology.num_classes), np.uint8)
            for image, classes in self._active.items():
                active[image, 1:] = 0
                active[image, list(classes)] = 1
            arrays["active"] = active
        return facts, arrays

    def _warnings(self) -> list[str]:
        found = []
        if self._tiny:
            found.append(f"{self._tiny} objects are smaller than a pixel and are left out.")
        if self._boxed:
            found.append(
                f"{self._boxed} objects have a box and no outline. Their boxes are taken for "
                "their masks."
            )
        if self._without_attribute:
            found.append(
                f"{self._without_attribute} attributes of objects are not in the label list and "
                "are left out."
            )
        return found


class _Rows:
    """Columns of objects in the order of their photos."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.places: list[int] = []
        self._class_ids: list[int] = []
        self._offsets: list[int] = []
        self._bytes: list[int] = []

    def add(self, place: int, class_id: int, offset: int, length: int) -> None:
        """Adds an object."""
        self.places.append(place)
        self._class_ids.append(class_id)
        self._offsets.append(offset)
        self._bytes.append(length)

    def columns(self) -> dict[str, Array]:
        """Returns the arrays of `Annotations`."""
        return {
            "first_row": offsets(np.array(self.counts, np.int64)),
            "line": np.array(self.places, np.int64),
            "class_ids": np.array(self._class_ids, np.int32),
            "rle_offset": np.array(self._offsets, np.int64),
            "rle_bytes": np.array(self._bytes, np.int64),
        }


def _mapped_labels(
    part: Part, own: Ontology, ontology: Ontology
) -> tuple[dict[int, int], dict[int, int | None]]:
    """Class id of each category that both lists have; dense index of each attribute, or None."""
    source, target = own.to_coco(), ontology.to_coco()
    name = part.annotations.name
    categories = ids_by_name(source["categories"], target["categories"], name, "category")
    attributes = ids_by_name(source["attributes"], target["attributes"], name, "attribute")
    return (
        {i: ontology.class_id_of(there) for i, there in categories.items() if there is not None},
        {
            i: None if there is None else ontology.attribute_index_of(there)
            for i, there in attributes.items()
        },
    )
