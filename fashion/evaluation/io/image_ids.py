"""Ids of images: those that predictions mean by an id or a file name, and a selection of them."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mrcnn.data.record_checks import as_id
from mrcnn.evaluation.coco_truth import refuse_unknown
from mrcnn.typing import Array

log = logging.getLogger(__name__)

_EXAMPLES = 3  # that an error names

ImageId = int | str


def evenly_spaced(image_ids: Array, count: int) -> Array:
    """Chooses images of a data set, because neighbours often resemble each other.

    Args:
        image_ids: `(n,)`, in the order of the data set.
        count: How many, at most.

    Returns:
        `(min(n, count),)`, the first and the last included.
    """
    places = np.linspace(0, len(image_ids) - 1, min(len(image_ids), count))
    return image_ids[places.astype(int)]


def resolve_image_ids(
    references: Sequence[ImageId],
    ground_truth: dict,
    name: str,
    listed: Iterable[str] = (),
) -> list[ImageId]:
    """Looks up the ids of images in the ground truth.

    A file name means the image of the very same one. Where there is none, folders and extensions
    are ignored, if what remains means one image on both sides. Numbers are ids; where one of them
    is no id, and all are the numbers in file names, they are these, with a warning.

    Args:
        references: Ids of the ground truth, or file names.
        ground_truth: COCO dict.
        name: What errors call the predictions.
        listed: File names of all images that the predictions list, if they do.

    Returns:
        Ids, as many as `references`.

    Raises:
        ValueError: If a reference means no image, or several.
    """
    images = _Images(ground_truth)
    references = _numbers_in_names(references, images, name)
    listed = list(listed)
    everyone = [*listed, *sorted(set(references).difference(listed), key=str)]
    meant = {one: images(one) for one in everyone}
    unknown = sorted((one for one in set(references) if not meant[one]), key=str)
    if unknown:
        refuse_unknown(unknown, name, "image", len(images.name_of))
    callers = defaultdict(list)  # id -> the names that mean it
    for one in everyone:
        if one not in images.name_of and len(meant[one]) == 1:
            callers[meant[one][0]].append(one)
    for one in dict.fromkeys(references):
        if len(meant[one]) > 1:
            several = _several(images.name_of[i] for i in meant[one])
            _refuse(f"{name} has a photo {one!r}, which may be {several} of the ground truth.")
        rivals = callers[meant[one][0]] if one not in images.name_of else ()
        if (rivals.count(one) if one in images.exact else len(rivals)) > 1:
            _refuse(
                f"{name} has the photos {_several(rivals)}, which would all be "
                f"{images.name_of[meant[one][0]]!r} of the ground truth."
            )
    return [meant[one][0] for one in references]


class _Images:
    """The images of the ground truth by what they may be called."""

    def __init__(self, ground_truth: dict) -> None:
        self.name_of = {
            image["id"]: str(image.get("file_name", image["id"]))
            for image in ground_truth["images"]
        }
        self.exact: dict[str, list[ImageId]] = defaultdict(list)
        self.base: dict[str, list[ImageId]] = defaultdict(list)
        self.stem: dict[str, list[ImageId]] = defaultdict(list)
        self.of_number: dict[ImageId, list[ImageId]] = defaultdict(list)
        for image in ground_truth["images"]:
            if "file_name" in image:
                base = Path(str(image["file_name"])).name
                self.exact[str(image["file_name"])].append(image["id"])
                self.base[base].append(image["id"])
                self.stem[Path(base).stem].append(image["id"])
                number = as_id(Path(base).stem)
                if number is not None:
                    self.of_number[number].append(image["id"])

    def __call__(self, reference: ImageId) -> list[ImageId]:
        """The ids that an id or a name may mean, by the most exact rule that fits; [] for none."""
        if reference in self.name_of:
            return [reference]
        if not isinstance(reference, str):
            return []
        base = Path(reference).name
        tries = (
            (self.exact, reference),
            (self.base, base),
            (self.stem, base),
            (self.base, Path(base).stem),
            (self.stem, Path(base).stem),
        )
        return next((table[key] for table, key in tries if key in table), [])


def _numbers_in_names(
    references: Sequence[ImageId], images: _Images, name: str
) -> Sequence[ImageId]:
    """Replaces numbers by ids where they can only be the numbers in the file names.

    YOLO writes 2 for 000002.jpg.
    """
    numbers = {one for one in references if not isinstance(one, str)}
    meant: dict[ImageId, list[ImageId]] = {one: images.of_number.get(one, []) for one in numbers}
    if not numbers or any(len(ids) != 1 for ids in meant.values()):
        return references
    example = next((one for one in sorted(numbers) if meant[one][0] != one), None)
    if example is None:
        return references
    shown = images.name_of[meant[example][0]]
    if numbers <= images.name_of.keys():
        log.warning(
            "%s has the image_id %d, which is the id of %r in the ground truth, but also the "
            "number of %r. It is taken for the id. If it is the number, as YOLO writes it, give "
            "each result a file_name.",
            name,
            example,
            images.name_of[example],
            shown,
        )
        return references
    log.warning(
        "The image ids of %s are not those of the ground truth, but the numbers in its file names: "
        "%d is taken for %r.",
        name,
        example,
        shown,
    )
    return [meant[one][0] if one in numbers else one for one in references]


def _several(names: Iterable[ImageId]) -> str:
    quoted = [repr(one) for one in names]
    return f"{', '.join(quoted[:_EXAMPLES])}{' …' if len(quoted) > _EXAMPLES else ''}"


def _refuse(what: str) -> None:
    raise ValueError(
        f"{what} Photos are the same if their file names are, folders included; without folders "
        "and extensions only where that leaves one photo on each side. Give the photos the same "
        "names in both files."
    )
