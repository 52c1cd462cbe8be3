"""What every writer of a data set has: where a part goes, and what its format cannot hold."""

import abc
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.resized_copy import encode_copy
from fashion.labels.ontology import Ontology
from mrcnn.data.image_io import header
from mrcnn.data.masks.outlines import joined, trace
from mrcnn.data.masks.rle import RLEMasks
from mrcnn.files import atomic_path
from mrcnn.typing import Array

_LONGEST = 65_500  # pixels; longer than any JPEG: the photo keeps its size
_QUALITY = 95  # of a photo that must be written again, for its EXIF orientation


class Writer(abc.ABC):
    """Writes a data set in one format.

    Attributes:
        name: What `--to` calls it.
        title: What it writes, for help pages.
        keeps_attributes: Whether objects keep their attributes.
        keeps_crowds: Whether crowds are kept as such; otherwise they are left out.
        keeps_ids: Whether categories keep their ids.
        turned: Whether programs show the photos turned by EXIF, whatever the size in the file is.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    keeps_attributes: ClassVar[bool] = False
    keeps_crowds: ClassVar[bool] = False
    keeps_ids: ClassVar[bool] = False
    turned: ClassVar[bool] = False

    @abc.abstractmethod
    def images_dir(self, part: str) -> Path:
        """Returns where the photos of a part go.

        Args:
            part: "train", "val" or "test".

        Returns:
            A path inside the folder of the copy.
        """

    @abc.abstractmethod
    def write(
        self, out: Path, part: str, dataset: IMaterialistDataset, names: Sequence[str]
    ) -> None:
        """Writes the annotations of a part; its photos are there.

        Args:
            out: Folder of the copy.
            part: "train", "val" or "test".
            dataset: The part.
            names: File name of each photo in the copy.
        """

    def finish(self, out: Path, parts: Iterable[str], ontology: Ontology) -> None:
        """Writes what belongs to all parts.

        Args:
            out: Folder of the copy.
            parts: The parts.
            ontology: The labels.
        """
        return


def unique_names(dataset: IMaterialistDataset) -> list[str]:
    """Makes file names without folders, which differ even without their extensions.

    Args:
        dataset: Photos whose names may have folders.

    Returns:
        A name for each photo.
    """
    taken: set[str] = set()
    names = []
    for info in dataset.image_info:
        extension = Path(info["path"]).suffix
        noted = str(info["id"]).replace("\\", "/")
        stem = noted.removesuffix(extension) if noted.lower().endswith(extension.lower()) else noted
        parts = [part for part in stem.split("/") if part not in ("", ".", "..")]
        stem = parts[-1]
        # Names differ by more than case, which most file systems of macOS and Windows ignore.
        if stem.casefold() in taken:
            stem = "_".join(parts)
        number, unique = 1, stem
        while unique.casefold() in taken:
            number += 1
            unique = f"{stem}_{number}"
        taken.add(unique.casefold())
        names.append(unique + extension)
    return names


def place_photo(source: Path, target: Path, annotated_hw: tuple[int, int], turned: bool) -> None:
    """Puts a photo into a copy, unless it is there: as a hard link, or else as a copy.

    Args:
        source: The photo.
        target: Where it goes.
        annotated_hw: (height, width) that it was annotated in.
        turned: Whether the format's programs turn photos by EXIF. A photo with such an orientation
            is then written again without it, as it was annotated.

    Raises:
        OSError: If it cannot be read or written.
    """
    if target.exists():
        return
    real = Path(os.path.realpath(source))
    if turned and header(real)[1] > 1:
        data = encode_copy(real, _LONGEST, _QUALITY, annotated_hw)
        with atomic_path(target, synced=False) as temporary:
            temporary.write_bytes(data)
        return
    try:
        os.link(real, target)
    except OSError:  # another disk, or a file system without hard links
        with atomic_path(target, synced=False) as temporary:
            shutil.copyfile(real, temporary)


def polygons_of(dataset: IMaterialistDataset, image_id: int) -> Iterator[tuple[int, Array]]:
    """Writes the objects of a photo as polygons, from which the same pixels come back.

    Args:
        dataset: A part.
        image_id: Internal id of the photo.

    Yields:
        Class id, and `(n, 2)` int64, corners x, y in pixels of the photo; of all objects but
        crowds.
    """
    masks, class_ids = dataset.load_runs(image_id), dataset.image_class_ids(image_id)
    for index, class_id in enumerate(class_ids.tolist()):
        if class_id > 0:  # no crowd
            yield class_id, _polygon(masks.keep(np.arange(len(masks)) == index))


def _polygon(mask: RLEMasks) -> Array:
    top, left, bottom, right = mask.boxes[0].tolist()
    window = mask.dense()[top:bottom, left:right, 0]
    return joined(trace(window)) + [left, top]
