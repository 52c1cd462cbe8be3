"""Ground truth in COCO's layout: checked before use, and completed where fields are missing.

`evaluate_coco` and the evaluators of applications read ground truth with these functions.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from pycocotools import mask as coco_mask

from mrcnn.data.image_io import MAX_PIXELS
from mrcnn.data.masks.coco_rle import as_rle, wrong_counts
from mrcnn.data.masks.polygons import max_coordinate
from mrcnn.data.masks.valid_rle import valid_areas
from mrcnn.data.record_checks import Record, as_integer, is_number, preview
from mrcnn.typing import Size

log = logging.getLogger(__name__)

_SHOWN = 3  # examples that an error names


def checked_truth(
    content: Any, name: str = "The ground truth", *, masks: bool = True
) -> dict[str, Any]:
    """Checks the content of a COCO file and completes it.

    Fields that are missing or null are filled in: "iscrowd" (0), "bbox" and "area" (of the mask),
    "id" of the annotations (if none has one), and, with one warning, "segmentation" (the box).

    Args:
        content: A dict of images, annotations and categories. It is not changed.
        name: What errors call it.
        masks: Whether masks are needed. Without them, images need no size, and annotations with a
            box and an area need no segmentation; one that they have is not read.

    Returns:
        The content with new lists of images, annotations and categories. Ids and sizes are ints
        (40.0 is 40), and with `masks` every "segmentation" is packed run lengths of the image's
        size.

    Raises:
        ValueError: Something is wrong; the message names the entry and what was expected.
    """
    check_layout(content, name)
    images = checked_images(content["images"], name, sizes=masks)
    categories = checked_labels(content["categories"], name, "category")
    size_of = {image["id"]: size_of_image(image) for image in images}
    known = {category["id"] for category in categories}
    entries = _numbered(content["annotations"], name)
    objects = [_checked_annotation(entry, size_of, known, masks) for entry in entries]
    check_unique([row["id"] for row in objects], name, "annotation")
    _check_known([row["image_id"] for row in objects], size_of.keys(), name, "image")
    _check_known([row["category_id"] for row in objects], known, name, "category")
    if masks:
        _boxes_as_masks(objects, name)
    _complete(objects, [entry.where for entry in entries], size_of)
    return {**content, "images": images, "annotations": objects, "categories": categories}


def check_layout(content: Any, name: str) -> None:
    """Checks that a JSON file has COCO's layout.

    Args:
        content: Of the file.
        name: What errors call it.

    Raises:
        ValueError: A list is missing; the message names it, and what the file holds instead.
    """
    lists = ("images", "annotations", "categories")
    if not isinstance(content, dict):
        found = "a list" if isinstance(content, list) else preview(content)
        lacking = f"it holds {found}"
    else:
        missing = [key for key in lists if not isinstance(content.get(key), list)]
        if not missing:
            return
        lacking = f"it lacks {', '.join(missing)}, and has the keys {preview(list(content))}"
    raise ValueError(
        f"{name} is not in COCO's layout: {lacking}. Expected an object with the lists "
        f"{', '.join(lists)}. A list of results belongs to the predictions."
    )


def _boxes_as_masks(objects: list[dict[str, Any]], name: str) -> None:
    """Gives objects without a segmentation the polygon of their box, with one warning."""
    no_mask = [row for row in objects if "segmentation" not in row]
    if no_mask:
        log.warning(
            "%s: %d of %d annotations have no segmentation. Their boxes are taken for their "
            "masks, so scores of masks measure boxes there.",
            name,
            len(no_mask),
            len(objects),
        )
    for row in no_mask:
        x, y, width, height = row["bbox"]
        row["segmentation"] = [[x, y, x + width, y, x + width, y + height, x, y + height]]


def _complete(
    objects: list[dict[str, Any]], described: list[str], size_of: Mapping[Any, Size | None]
) -> None:
    """Packs the masks of checked annotations, and adds the missing areas and boxes."""
    masked, where = [], []
    for row, text in zip(objects, described):
        if "segmentation" in row:
            row["segmentation"] = as_rle(row["segmentation"], size_of[row["image_id"]], text)
            masked.append(row)
            where.append(text)
    # An area is that of the mask, as in COCO's files; the box's only without a mask.
    with_areas(masked, where)
    with_boxes([row for row in objects if "bbox" not in row])
    for row in objects:
        row.setdefault("area", row["bbox"][2] * row["bbox"][3])


def checked_images(rows: Sequence[Any], name: str, sizes: bool = True) -> list[dict[str, Any]]:
    """Checks the images of a COCO file.

    Args:
        rows: The list of images.
        name: What errors call the file.
        sizes: Whether images need a height and a width.

    Returns:
        New dicts; ids and sizes are ints.

    Raises:
        ValueError: An image is wrong, or ids are not unique.
    """
    images: list[dict[str, Any]] = []
    kinds: dict[bool, str] = {}
    for i, row in enumerate(rows):
        entry = Record(row, name, "image", i)
        entry.require(*(("id", "height", "width") if sizes else ("id",)))
        image = dict(row) | {"id": entry.identifier("id")}
        kinds.setdefault(isinstance(image["id"], str), preview(image["id"]))
        if sizes or entry.has("height") and entry.has("width"):
            height, width = (entry.integer(key, least=1) for key in ("height", "width"))
            if height * width > MAX_PIXELS:
                raise ValueError(
                    f"{entry.where}{_called(row)} is {height} high and {width} wide. Images have "
                    f"at most {MAX_PIXELS} pixels here; is the size right?"
                )
            image |= {"height": height, "width": width}
        else:
            image = {key: value for key, value in image.items() if key not in ("height", "width")}
        if entry.has("file_name"):
            entry.text("file_name")
        else:
            image.pop("file_name", None)
        images.append(image)
    if len(kinds) > 1:
        raise ValueError(
            f"{name} has images with ids that are numbers and others that are text, for example "
            f"{' and '.join(kinds.values())}. Number all of them."
        )
    check_unique([image["id"] for image in images], name, "image")
    return images


def checked_labels(
    rows: Sequence[Any], name: str, kind: str, needs: Sequence[str] = ("id", "name")
) -> list[dict[str, Any]]:
    """Checks categories, or other labels with id, name and perhaps a supercategory.

    Args:
        rows: The list of labels.
        name: What errors call the file.
        kind: What errors call a label, such as "category".
        needs: Fields that each must have.

    Returns:
        New dicts; ids are ints.

    Raises:
        ValueError: A label is wrong, or ids are not unique.
    """
    labels = []
    for i, row in enumerate(rows):
        entry = Record(row, name, kind, i)
        entry.require(*needs)
        label = dict(row) | {"id": entry.integer("id")}
        entry.title = f"{name}: {kind} {label['id']}"
        if "name" in needs or entry.has("name"):
            entry.text("name")
        if entry.has("supercategory"):
            entry.text("supercategory")
        else:
            label.pop("supercategory", None)
        labels.append(label)
    check_unique([label["id"] for label in labels], name, kind)
    return labels


def size_of_image(image: Mapping[str, Any]) -> Size | None:
    """Reads the size of a checked image.

    Args:
        image: From `checked_images`.

    Returns:
        (height, width), or None if it has none.
    """
    return (image["height"], image["width"]) if "height" in image and "width" in image else None


def check_unique(ids: Iterable[Any], name: str, kind: str) -> None:
    """Checks that ids are unique.

    Args:
        ids: All ids.
        name: What errors call the file.
        kind: What errors call an entry, such as "image".

    Raises:
        ValueError: An id occurs more than once.
    """
    twice = sorted((i for i, count in Counter(ids).items() if count > 1), key=str)
    if twice:
        raise ValueError(
            f"{name} has {len(twice)} {kind} ids that occur more than once, for example "
            f"{', '.join(map(str, twice[:_SHOWN]))}. Every {kind} needs an id of its own."
        )


def refuse_unknown(unknown: Sequence[Any], name: str, kind: str, known: int) -> NoReturn:
    """Raises the error for ids that the ground truth lacks.

    Args:
        unknown: The ids, sorted.
        name: What the error calls the file that has them.
        kind: "image", "category" and so on.
        known: How many ids the ground truth has.

    Raises:
        ValueError: Always.
    """
    plural = {"category": "categories"}.get(kind, f"{kind}s")
    some = ", ".join(str(i)[:40] for i in unknown[:_SHOWN])
    raise ValueError(
        f"{name} has {len(unknown)} {plural if len(unknown) > 1 else kind} that the ground truth "
        f"does not list: {some}{' …' if len(unknown) > _SHOWN else ''} (it lists {known}). "
        "Do the two files belong to the same photos and the same label list?"
    )


def with_areas(objects: list[dict[str, Any]], described: Sequence[str]) -> list[dict[str, Any]]:
    """Adds the "area" of the mask, in pixels, where it is missing.

    Args:
        objects: Dicts with a packed "segmentation"; changed in place.
        described: What errors call each of them.

    Returns:
        The same list.

    Raises:
        ValueError: The run lengths of a mask do not fill its image.
    """
    found = valid_areas([row["segmentation"] for row in objects])
    damaged = np.flatnonzero(found < 0)
    if len(damaged):
        raise ValueError(
            f"{described[damaged[0]]} has "
            f"{wrong_counts(*objects[damaged[0]]['segmentation']['size'])} {len(damaged)} masks "
            "are damaged. Write the file again."
        )
    for row, area in zip(objects, found.tolist()):
        row.setdefault("area", area)
    return objects


def with_boxes(objects: list[dict[str, Any]]) -> None:
    """Adds "bbox", [x, y, width, height] around the mask.

    Args:
        objects: Dicts with a packed "segmentation" and without a box; changed in place.
    """
    if objects:  # pycocotools takes no empty list
        for row, box in zip(
            objects, coco_mask.toBbox([row["segmentation"] for row in objects]).tolist()
        ):
            row["bbox"] = box


def _numbered(rows: Sequence[Any], name: str) -> list[Record]:
    """The annotations as `Record`s, each with an integer id from 1."""
    entries = [Record(row, name, "annotation", i) for i, row in enumerate(rows)]
    without = not any("id" in entry.row for entry in entries)
    for i, entry in enumerate(entries):
        if without:
            entry.row = {"id": i + 1, **entry.row}
        entry.require(
            "id",
            "image_id",
            "category_id",
            *(() if entry.has("segmentation") or entry.has("bbox") else ("segmentation",)),
        )
        number = as_integer(entry.row["id"])
        if number is None and not is_number(entry.row["id"]):
            entry.refuse("id", "a whole number from 1")
        if number is None or number < 1:
            wrong = [e.row.get("id") for e in entries if (as_integer(e.row.get("id")) or 0) < 1]
            raise ValueError(
                f"{name} has {len(wrong)} annotation ids that are not whole numbers from 1, for "
                f"example {preview(wrong[0])}: evaluators take id 0 for 'not matched' and would "
                "count that object as missed. Annotation ids start at 1: number them again."
            )
        entry.integer("id", least=1)
        entry.title = f"Annotation {number} of {name}"
    return entries


def _checked_annotation(
    entry: Record, size_of: Mapping[Any, Size | None], categories: Collection[int], masks: bool
) -> dict[str, Any]:
    """One annotation as a new dict that may lack "segmentation" (not read yet), "bbox", "area"."""
    row: dict[str, Any] = dict(entry.row) | {
        "id": as_integer(entry.row["id"]),
        "image_id": entry.identifier("image_id"),
        "category_id": entry.integer("category_id"),
    }
    if row["image_id"] not in size_of or row["category_id"] not in categories:
        return row  # all unknown ids are reported at once
    crowd = row["iscrowd"] if entry.has("iscrowd") else 0
    if as_integer(crowd) not in (0, 1) and not isinstance(crowd, bool):
        entry.refuse("iscrowd", "0, or 1 for a crowd")
    row["iscrowd"] = int(crowd)
    if entry.has("bbox"):
        row["bbox"] = entry.box(most=max_coordinate(size_of[row["image_id"]] or (1, 1)))
    else:
        row.pop("bbox", None)
    if entry.has("area"):
        entry.number("area", least=0)
    else:
        row.pop("area", None)
    if not entry.has("segmentation") or not masks and "bbox" in row and "area" in row:
        row.pop("segmentation", None)
    if "bbox" not in row and "segmentation" not in row:
        entry.refuse("segmentation", "polygons or run lengths")
    return row


def _check_known(ids: Iterable[Any], known: Collection[Any], name: str, kind: str) -> None:
    unknown = sorted(set(ids).difference(known), key=str)
    if unknown:
        refuse_unknown(unknown, name, kind, len(known))


def _called(row: Mapping[str, Any]) -> str:
    return f", {preview(row['file_name'])}," if isinstance(row.get("file_name"), str) else ""
