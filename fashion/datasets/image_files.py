"""Photos: where the file of each image is, and whether it is whole and of the size that the
annotations say, as stored or turned.

What was found out about a photo is kept in an index file beside the folder, so that later starts only ask for sizes and times of files.
"""

import logging
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion.formats.index_cache import all_indexes, index_places, is_index_of_files, keep_index
from mrcnn.data.annotated_images import annotated_upright, path_inside, turns_without_trace
from mrcnn.data.image_io import EXTENSIONS, header, read_image

log = logging.getLogger(__name__)

_THREADS = 8  # reading a header is waiting for the disk
_TOGETHER = 4096  # photos looked at before what was found is written down, for who stops here
_SHARE = 256  # photos that a thread takes at a time
_PATIENCE = 2  # seconds of reading before a bar is shown
_KEY = {"photos": 2}
# bytes, time of change, height and width as stored, EXIF orientation
_ARRAYS = {"photos": (np.int64, (5,))}


def find_images(image_ids, folders):
    """The file of each image: list of os.DirEntry or None. Where several folders have it, the first one's.

    An ImageId may lack its ending, and the file's may be in capitals.
    """
    there = {}
    for folder in reversed(folders):
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"There is no folder of photos {folder}.")
        with os.scandir(Path(folder)) as entries:
            there.update((entry.name, entry) for entry in entries)
    endings = ("", *EXTENSIONS)
    found = [
        next((there[name + ending] for ending in endings if name + ending in there), None)
        for name in image_ids
    ]
    if None not in found:
        return found
    # Cameras write .JPG, and macOS an accented letter as two.
    alike = {_alike(name): entry for name, entry in there.items()}
    return [
        entry
        or next(
            (alike[_alike(name + ending)] for ending in endings if _alike(name + ending) in alike),
            None,
        )
        for name, entry in zip(image_ids, found, strict=True)
    ]


def _alike(name):
    """A file name with its ending in lower case and its letters composed."""
    stem, dot, ending = unicodedata.normalize("NFC", name).rpartition(".")
    return stem + dot + ending.lower() if dot else ending


def image_faults(photos, sizes_hw, check):
    """What is wrong with each photo, or None.

    photos: from `find_images`; sizes_hw: (height, width) of each in the annotations; check: False looks only whether there is a file.
    A photo whose EXIF data turn it has either size, see `mrcnn.data.annotated_images.annotated_upright`.
    """
    places = [_place_fault(photo) for photo in photos]
    found = iter(
        _headers([photo for photo, place in zip(photos, places) if place is None]) if check else ()
    )
    either_way = []

    def fault(photo, place, size_hw):
        if place or not check:
            return place
        of_file = next(found)
        if of_file is None:
            return f"{photo.name} cannot be read as an image"
        *stored_hw, orientation = of_file
        if turns_without_trace(stored_hw, orientation):
            either_way.append(photo.name)
        try:
            annotated_upright(size_hw, stored_hw, orientation)
        except ValueError as error:
            return str(error)
        return None

    faults = [fault(*of_photo) for of_photo in zip(photos, places, sizes_hw)]
    if either_way:
        log.warning(
            "%d photos are turned or mirrored by their EXIF orientation without another "
            "size, %s for one: their masks are taken to "
            "be of the pixels as they are stored. If they were drawn on the turned photos, "
            "save these turned.",
            len(either_way),
            either_way[0],
        )
    return faults


def _place_fault(photo):
    """What is wrong with where a photo (os.DirEntry or None) lies, or None."""
    if photo is None:
        return "there is no such image in the folder of photos"
    if photo.is_symlink():
        try:
            path_inside(os.path.dirname(photo.path), photo.name)
        except ValueError as error:
            return str(error)
    return None


def _headers(photos):
    """(height, width, orientation) of each photo (os.DirEntry), None where it cannot be read as an
    image."""
    folders, found = {}, {}
    for photo in photos:
        folders.setdefault(photo.path[: -len(photo.name) - 1], []).append(photo)
    for folder, of_folder in folders.items():
        found.update(zip((photo.path for photo in of_folder), _headers_in(folder, of_folder)))
    return [found[photo.path] for photo in photos]


def _headers_in(folder, photos):
    """`_headers` of photos in one folder. A photo that cannot be read is tried at every start:
    perhaps it was the disk."""
    places = index_places(folder, "photos")
    known = {}
    for index in all_indexes(places, _KEY, lambda index: is_index_of_files(index, _ARRAYS)):
        known |= {
            name: row
            for name, row in zip(index.facts["names"], map(tuple, index.arrays["photos"].tolist()))
            if name not in known or row[1] >= known[name][1]
        }  # of two, what was found out about the newer photo
        del index  # Windows does not replace a file that is mapped
    with ThreadPoolExecutor(_THREADS) as pool:
        shares = [photos[k : k + _SHARE] for k in range(0, len(photos), _SHARE)]
        stamps = chain.from_iterable(
            pool.map(lambda share: [_stamp(photo) for photo in share], shares)
        )
        new = [
            (photo, stamp)
            for photo, stamp in zip(photos, stamps)
            if known.get(photo.name, ())[:2] != stamp
        ]
        with tqdm(
            total=len(new),
            desc=f"photos in {os.path.basename(folder)}",
            unit="photo",
            delay=_PATIENCE,
        ) as bar:
            for k in range(0, len(new), _TOGETHER):
                some = new[k : k + _TOGETHER]
                for (photo, stamp), found in zip(
                    some, pool.map(_read_header, [photo.path for photo, _ in some])
                ):
                    known[photo.name] = (*stamp, *found)
                    bar.update()
                if places and not _keep(
                    places, {name: row for name, row in known.items() if row[2]}
                ):
                    places = ()  # said once
    return [known[photo.name][2:] if known[photo.name][2] else None for photo in photos]


def _keep(places, known):
    """Write {name: a row of _ARRAYS} into an index file; None where that cannot be."""
    return keep_index(
        places,
        _KEY,
        {"names": list(known)},
        {"photos": np.array(list(known.values()), np.int64).reshape(-1, 5)},
    )


def _stamp(photo):
    """Size in bytes and time of change, (-1, -1) where even these cannot be had."""
    try:
        status = photo.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _read_header(path):
    """(height, width, orientation) of a photo whose end is there, (0, 0, 0) if it is none."""
    try:
        size_hw, turned = header(path)
        if not _ends_as_images_do(path):  # cut off, then; or something is appended to it
            read_image(path)
    except OSError:
        return 0, 0, 0
    return *size_hw, turned


def _ends_as_images_do(path):
    """Whether the end mark of a JPEG or a PNG is among the last bytes of a file."""
    with open(path, "rb") as file:
        file.seek(max(os.path.getsize(path) - 1024, 0))
        end = file.read()
    return b"\xff\xd9" in end or b"IEND" in end
