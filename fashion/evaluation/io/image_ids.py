"""Photo ids: which photo of the ground truth do predictions mean by an id or a file name?"""

import logging
from collections import defaultdict
from pathlib import Path

from mrcnn.data.record_checks import as_id
from mrcnn.evaluation.coco_truth import refuse_unknown

log = logging.getLogger(__name__)

_SHOWN = 3  # examples that an error names


def photo_ids(said, ground_truth, name, listed=()):
    """The ids of photos in the ground truth.

    said: list of ids of the ground truth or file names; name: of the predictions, for errors
    listed: the file names of all photos that the predictions list, if they do
    Returns: list of ids, as long as `said`.

    A file name means the photo of the very same one. Where there is none, folders and extensions are left aside, if what remains means
    one photo on both sides. Numbers are ids; where one of them is no id, and all are the numbers in file names, they are these, with a
    warning. Raises ValueError for what means none or several.
    """
    photos = _Photos(ground_truth)
    said = _numbers_in_names(said, photos, name)
    everyone = [*listed, *sorted(set(said).difference(listed), key=str)]
    found = {one: photos(one) for one in everyone}
    unknown = sorted((one for one in set(said) if not found[one]), key=str)
    if unknown:
        refuse_unknown(unknown, name, "image", len(photos.name_of))
    callers = defaultdict(list)  # id -> the names that mean it
    for one in everyone:
        if one not in photos.name_of and len(found[one]) == 1:
            callers[found[one][0]].append(one)
    for one in dict.fromkeys(said):
        if len(found[one]) > 1:
            _refuse(
                f"{name} has a photo {one!r}, which may be {_several(photos.name_of[i] for i in found[one])} of the ground truth."
            )
        rivals = callers[found[one][0]] if one not in photos.name_of else ()
        if (rivals.count(one) if one in photos.exact else len(rivals)) > 1:
            _refuse(
                f"{name} has the photos {_several(rivals)}, which would all be {photos.name_of[found[one][0]]!r} of the ground truth."
            )
    return [found[one][0] for one in said]


def _numbers_in_names(said, photos, name):
    """The same ids and names; where numbers can only be those in the file names, as YOLO writes 2 for 000002.jpg, the ids of these."""
    numbers = {one for one in said if not isinstance(one, str)}
    meant = {one: photos.of_number.get(one, ()) for one in numbers}
    if not numbers or any(len(ids) != 1 for ids in meant.values()):
        return said
    example = next((one for one in sorted(numbers) if meant[one][0] != one), None)
    if example is None:
        return said
    shown = photos.name_of[meant[example][0]]
    if numbers <= photos.name_of.keys():
        log.warning(
            "%s has the image_id %d, which is the id of %r in the ground truth, but also the number of %r. It is taken for the id. "
            "If it is the number, as YOLO writes it, give each result a file_name.",
            name,
            example,
            photos.name_of[example],
            shown,
        )
        return said
    log.warning(
        "The image ids of %s are not those of the ground truth, but the numbers in its file names: %d is taken for %r.",
        name,
        example,
        shown,
    )
    return [meant[one][0] if one in numbers else one for one in said]


class _Photos:
    """The photos of the ground truth by what they may be called."""

    def __init__(self, ground_truth):
        self.name_of = {
            image["id"]: str(image.get("file_name", image["id"]))
            for image in ground_truth["images"]
        }
        self.exact, self.base, self.stem = defaultdict(list), defaultdict(list), defaultdict(list)
        self.of_number = defaultdict(list)
        for image in ground_truth["images"]:
            if "file_name" in image:
                base = Path(str(image["file_name"])).name
                for table, key in (
                    (self.exact, str(image["file_name"])),
                    (self.base, base),
                    (self.stem, Path(base).stem),
                ):
                    table[key].append(image["id"])
                if as_id(Path(base).stem) is not None:
                    self.of_number[as_id(Path(base).stem)].append(image["id"])

    def __call__(self, said):
        """The ids that an id or a name may mean, of the most exact kind that there is; [] for none."""
        if said in self.name_of:
            return [said]
        if not isinstance(said, str):
            return []
        base = Path(said).name
        tries = (
            (self.exact, said),
            (self.base, base),
            (self.stem, base),
            (self.base, Path(base).stem),
            (self.stem, Path(base).stem),
        )
        return next((table[key] for table, key in tries if key in table), [])


def _several(names):
    names = [repr(one) for one in names]
    return f"{', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}"


def _refuse(what):
    raise ValueError(
        f"{what} Photos are the same if their file names are, folders included; without folders and extensions only where "
        "that leaves one photo on each side. Give the photos the same names in both files."
    )
