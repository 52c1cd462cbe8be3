"""Conversion: the same photos and objects in the files of another format.

Photos become hard links where the disk allows it. A killed conversion resumes: what is there stays.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion.datasets.files import DataFiles
from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.readers.base import Part
from fashion.datasets.splits import load_files
from fashion.datasets.writers.base import Writer, place_photo, unique_names
from fashion.formats.bad_rows import load_together
from mrcnn.files import remove_leftovers, write_text
from mrcnn.json_files import read_json_object
from mrcnn.locks import LOCK_NAME
from mrcnn.typing import PathLike

log = logging.getLogger(__name__)

RECORD = "converted.json"


@dataclasses.dataclass
class Converted:
    """What a conversion wrote.

    Attributes:
        parts: The data sets by part.
        lost: What the format cannot hold, a sentence each.
    """

    parts: dict[str, IMaterialistDataset]
    lost: list[str]


def convert(
    files: DataFiles, writer: Writer, out: PathLike, *, skip_bad: bool = False
) -> Converted:
    """Writes a data set in another format.

    Args:
        files: The data set.
        writer: Of the format.
        out: Folder of the copy: new, or that of a conversion of the same data that was killed.
            Nobody else may be working in it.
        skip_bad: Leaves out annotations that cannot be used.

    Returns:
        What was written.

    Raises:
        BadRows: If annotations cannot be used.
        ValueError: If the folder holds something else.
        OSError: If a file cannot be read or written.
    """
    out = Path(out).expanduser()
    ontology = files.ontology()
    parts = {
        name: part
        for name, part in (("train", files.train), ("val", files.val), ("test", files.test))
        if part
    }
    loaded = _load(files, parts, skip_bad)
    names = _names(writer, loaded)
    _begin(out, writer, parts)
    for name, dataset in loaded.items():
        folder = out / writer.images_dir(name)
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        infos = zip(dataset.image_info, names[name], strict=True)
        for info, target in tqdm(infos, total=dataset.num_images, unit="image", desc=name):
            size_hw = info["height"], info["width"]
            place_photo(Path(info["path"]), folder / target, size_hw, writer.turned)
    for name, dataset in loaded.items():
        writer.write(out, name, dataset, names[name])
    writer.finish(out, loaded, ontology)
    return Converted(loaded, lost(writer, list(loaded.values())))


def _load(
    files: DataFiles, parts: dict[str, Part], skip_bad: bool
) -> dict[str, IMaterialistDataset]:
    """The data sets of all parts."""
    ontology = files.ontology()
    loaded = load_together(
        parts.values(), lambda part: load_files(files, part, ontology, skip_bad=skip_bad)
    )
    return dict(zip(parts, loaded))


def _names(writer: Writer, loaded: dict[str, IMaterialistDataset]) -> dict[str, list[str]]:
    """File names in the copy; parts that share a folder share their photos of one file."""
    names = {name: unique_names(dataset) for name, dataset in loaded.items()}
    taken: dict[Path, str] = {}
    for name, dataset in loaded.items():
        for i, info in enumerate(dataset.image_info):
            place = writer.images_dir(name) / names[name][i]
            number = 1
            while taken.get(place, info["path"]) != info["path"]:
                number += 1
                old = Path(names[name][i])
                place = writer.images_dir(name) / f"{old.stem}_{name}{number}{old.suffix}"
            taken[place] = info["path"]
            names[name][i] = place.name
    return names


def _begin(out: Path, writer: Writer, parts: dict[str, Part]) -> None:
    """Makes the folder, or checks that it is of the same conversion."""
    digest = hashlib.sha256()
    for name, part in parts.items():
        status = part.annotations.stat()
        digest.update(f"{name} {part} {status.st_size} {status.st_mtime_ns}".encode())
    record = {"to": writer.name, "of": digest.hexdigest()[:16]}
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    if (out / RECORD).exists():
        if read_json_object(out / RECORD) != record:
            raise ValueError(
                f"--out {out} holds the conversion of other data, or to another format. Give "
                "another folder, or remove that one."
            )
    elif any(not path.name.startswith(LOCK_NAME) for path in out.iterdir()):
        raise ValueError(
            f"--out {out} is not empty and was not begun by this command. Give a new folder."
        )
    write_text(out / RECORD, json.dumps(record))


def lost(writer: Writer, datasets: Sequence[IMaterialistDataset]) -> list[str]:
    """Lists what a format cannot hold of data sets.

    Args:
        writer: Of the format.
        datasets: The data sets.

    Returns:
        A sentence for each kind of thing.
    """
    found = []
    attributes = sum(len(part.annotations.attributes) for part in datasets)
    if attributes and not writer.keeps_attributes:
        objects = sum(
            np.count_nonzero(np.diff(part.annotations.first_attribute)) for part in datasets
        )
        found.append(f"{attributes:,} attributes of {objects:,} objects")
    crowds = sum(len(part.annotations.crowds.line) for part in datasets if part.annotations.crowds)
    if crowds and not writer.keeps_crowds:
        found.append(f"{crowds:,} crowds, regions with objects that are not separated")
    if any(part.annotations.active is not None for part in datasets):
        found.append("which categories were looked for in each photo")
    ids = datasets[0].ontology.category_ids
    if not writer.keeps_ids and list(ids) != list(range(len(ids))):
        found.append("the ids of categories, which are numbered from 0 (names stay)")
    return found
