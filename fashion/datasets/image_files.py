"""Image files: where each image is, and whether its file is intact and of the annotated size.

Headers are kept in an index file beside the folder; later starts only compare sizes and times.
"""

import logging
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import numpy as np
from tqdm import tqdm

from fashion.formats.index_cache import (
    Index,
    all_indexes,
    index_places,
    is_index_of_files,
    keep_index,
)
from mrcnn.data.annotated_images import annotated_upright, path_inside, turns_without_trace
from mrcnn.data.image_io import EXTENSIONS, header, read_image
from mrcnn.typing import PathLike, Size

log = logging.getLogger(__name__)

_THREADS = 8  # reading a header is waiting for the disk
_CHUNK = 4096  # images between two writes of the index: a stopped run repeats this many at most
_SHARE = 256  # images that a thread takes at a time
_DEPTH = 4  # sub-folders below each other that are searched for photos
_BAR_DELAY = 2  # seconds of reading before a progress bar is shown
_KEY = {"photos": 2}
# Bytes, modification time, height and width as stored, EXIF orientation.
_ARRAYS = {"photos": (np.int64, (5,))}

_Row: TypeAlias = tuple[int, ...]  # of `_ARRAYS`
_Header: TypeAlias = tuple[int, int, int]  # height, width, EXIF orientation
_NO_HEADER: _Header = (0, 0, 0)


def find_images(
    image_ids: Sequence[str], folders: Sequence[PathLike]
) -> list[os.DirEntry[str] | None]:
    """Finds the file of each image.

    Args:
        image_ids: File names, perhaps without extension; an extension's case does not matter.
        folders: Where to look; if several have an image, the first one's is taken.

    Returns:
        The files; None where there is none.

    Raises:
        FileNotFoundError: If a folder does not exist.
    """
    there: dict[str, os.DirEntry[str]] = {}
    for folder in reversed(folders):
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"There is no folder of photos {folder}.")
        with os.scandir(Path(folder)) as entries:
            there.update((entry.name, entry) for entry in entries)
    found = [_first_of(there, name) for name in image_ids]
    if None not in found:
        return found
    # Cameras write .JPG, and macOS an accented letter as two characters.
    normalized = {_normalized(name): entry for name, entry in there.items()}
    found = [
        entry or _first_of(normalized, name, _normalized)
        for name, entry in zip(image_ids, found, strict=True)
    ]
    if None in found:
        finder = ImageFinder([Path(folder) for folder in folders])
        found = [entry or finder.entry(name) for name, entry in zip(image_ids, found)]
    return found


class ImageFinder:
    """Finds photos by name in folders and their sub-folders.

    Args:
        folders: Where to look; files may stand for folders, and are left out.
        title: Name of the annotations. Where several photos have a name, one in a folder whose
            name is part of the title is taken, or one of the same part (train, val or test).
    """

    def __init__(self, folders: Sequence[Path], title: str = "") -> None:
        self._folders = [folder for folder in folders if folder.is_dir()]
        self._title = title
        self._direct: dict[str, os.DirEntry[str]] = {}
        for folder in reversed(self._folders):
            with os.scandir(folder) as entries:
                self._direct.update((entry.name, entry) for entry in entries if entry.is_file())
        self._below: dict[str, list[tuple[str, os.DirEntry[str]]]] | None = None

    def find(self, name: str) -> Path | None:
        """Finds a photo.

        Args:
            name: Its name, perhaps with folders and without extension.

        Returns:
            Its path; None if there is none, or several are as good.
        """
        entry = self.entry(name)
        return None if entry is None else Path(entry.path)

    def find_all(self, names: Iterable[str]) -> list[os.DirEntry[str] | None]:
        """Finds many photos.

        Args:
            names: Their names.

        Returns:
            The file of each, or None.
        """
        return [self.entry(name) for name in names]

    def entry(self, name: str) -> "os.DirEntry[str] | None":
        """Finds a photo; see `find`.

        Args:
            name: Its name.

        Returns:
            Its file, or None.
        """
        if "/" not in name:
            direct = _first_of(self._direct, name)
            if direct is not None:
                return direct
        if self._below is None:
            self._below = self._walk()
        parts = name.replace("\\", "/").split("/")
        if ".." in parts:
            return None
        base = _normalized(parts[-1])
        for ending in ("", *EXTENSIONS):
            found = self._below.get(base + ending, [])
            if found:
                inside = "/".join([*map(_normalized, parts[:-1]), base + ending])
                return self._best(inside, found)
        return None

    def _walk(self) -> dict[str, list[tuple[str, os.DirEntry[str]]]]:
        """(path inside its folder, file) of all photos by their normalized names."""
        found: dict[str, list[tuple[str, os.DirEntry[str]]]] = {}
        for top in self._folders:
            todo = [(os.fspath(top), "", 0)]
            while todo:
                folder, above, depth = todo.pop()
                with os.scandir(folder) as entries:
                    inside = sorted(entries, key=lambda entry: entry.name)
                for entry in inside:
                    if entry.is_dir(follow_symlinks=False):
                        if depth < _DEPTH and not entry.name.startswith("."):
                            todo.append((entry.path, f"{above}{entry.name}/", depth + 1))
                    elif entry.name.lower().endswith(EXTENSIONS):
                        name = _normalized(entry.name)
                        found.setdefault(name, []).append((above + name, entry))
        return found

    def _best(
        self, name: str, found: list[tuple[str, os.DirEntry[str]]]
    ) -> "os.DirEntry[str] | None":
        """The file that fits best; None if several do."""
        exact = [entry for inside, entry in found if f"/{inside}".endswith(f"/{name}")]
        candidates = exact or [entry for _, entry in found]
        if "/" in name and not exact and len(name.split("/")) > 2:
            return None if len(candidates) > 1 else candidates[0]
        for rule in (self._is_named_in_title, self._is_of_same_part):
            fitting = [entry for entry in candidates if rule(entry)]
            if len(fitting) == 1:
                return fitting[0]
            candidates = fitting or candidates
        return candidates[0] if len(candidates) == 1 else None

    def _is_named_in_title(self, entry: "os.DirEntry[str]") -> bool:
        folder = os.path.basename(os.path.dirname(entry.path))
        return len(folder) > 2 and folder.lower() in self._title.lower()

    def _is_of_same_part(self, entry: "os.DirEntry[str]") -> bool:
        folder = os.path.basename(os.path.dirname(entry.path)).lower()
        return bool(folder) and any(
            folder.startswith(part) and part in self._title.lower()
            for part in ("train", "val", "test")
        )


def _first_of(there, name, form=str):
    """The first file with this name and any extension, or None."""
    names = (form(name + extension) for extension in ("", *EXTENSIONS))
    return next((there[name] for name in names if name in there), None)


def _normalized(name: str) -> str:
    """A file name with its extension in lower case and its letters composed."""
    stem, dot, extension = unicodedata.normalize("NFC", name).rpartition(".")
    return stem + dot + extension.lower() if dot else extension


def image_faults(
    images: Sequence[os.DirEntry[str] | None], sizes_hw: Sequence[Size], check: bool
) -> list[str | None]:
    """Finds out what is wrong with each image file.

    An image that its EXIF orientation turns may have either size, see
    `mrcnn.data.annotated_images.annotated_upright`.

    Args:
        images: From `find_images`.
        sizes_hw: (height, width) of each in the annotations.
        check: False looks only whether there is a file; True reads headers and compares sizes.

    Returns:
        The fault of each image, or None.
    """
    faults = [_place_fault(image) for image in images]
    if not check:
        return faults
    present = [image for image, fault in zip(images, faults) if image is not None and not fault]
    headers = iter(_headers(present))
    ambiguous = []
    for i, image in enumerate(images):
        if image is None or faults[i]:
            continue
        found = next(headers)
        if found is None:
            faults[i] = f"{image.name} cannot be read as an image"
            continue
        height, width, orientation = found
        stored_hw = height, width
        if turns_without_trace(stored_hw, orientation):
            ambiguous.append(image.name)
        try:
            annotated_upright(sizes_hw[i], stored_hw, orientation)
        except ValueError as error:
            faults[i] = str(error)
    if ambiguous:
        log.warning(
            "%d photos are turned or mirrored by their EXIF orientation without another size, %s "
            "for one: their masks are taken to be of the pixels as they are stored. If they were "
            "drawn on the turned photos, save these turned.",
            len(ambiguous),
            ambiguous[0],
        )
    return faults


def _place_fault(image: os.DirEntry[str] | None) -> str | None:
    """What is wrong with where an image lies, or None."""
    if image is None:
        return "there is no such image in the folder of photos"
    if image.is_symlink():
        try:
            path_inside(os.path.dirname(image.path), image.name)
        except ValueError as error:
            return str(error)
    return None


def _headers(images: Sequence[os.DirEntry[str]]) -> list[_Header | None]:
    """The header of each image, None where it cannot be read."""
    folders: dict[str, list[os.DirEntry[str]]] = {}
    for image in images:
        folders.setdefault(image.path[: -len(image.name) - 1], []).append(image)
    found: dict[str, _Header | None] = {}
    for folder, inside in folders.items():
        found.update(zip((image.path for image in inside), _headers_in(folder, inside)))
    return [found[image.path] for image in images]


def _headers_in(folder: str, images: Sequence[os.DirEntry[str]]) -> list[_Header | None]:
    """`_headers` of images in one folder.

    An image that cannot be read is tried at every start: perhaps it was the disk.
    """
    places = index_places(folder, "photos")
    known: dict[str, _Row] = {}
    for index in all_indexes(places, _KEY, lambda index: is_index_of_files(index, _ARRAYS)):
        for name, row in _rows_of(index):
            # Of two rows the one of the newer file.
            if name not in known or row[1] >= known[name][1]:
                known[name] = row
        del index  # Windows does not replace a file that is mapped
    with ThreadPoolExecutor(_THREADS) as pool:
        shares = [images[k : k + _SHARE] for k in range(0, len(images), _SHARE)]
        stamps = chain.from_iterable(pool.map(lambda share: list(map(_stamp, share)), shares))
        new = [
            (image, stamp)
            for image, stamp in zip(images, stamps)
            if known.get(image.name, ())[:2] != stamp
        ]
        title = f"photos in {os.path.basename(folder)}"
        with tqdm(total=len(new), desc=title, unit="image", delay=_BAR_DELAY) as bar:
            for k in range(0, len(new), _CHUNK):
                some = new[k : k + _CHUNK]
                headers = pool.map(_read_header, [image.path for image, _ in some])
                for (image, stamp), found in zip(some, headers):
                    known[image.name] = (*stamp, *found)
                    bar.update()
                if places and not _keep(places, known):
                    places = []  # warn once
    rows = [known[image.name] for image in images]
    return [(row[2], row[3], row[4]) if row[2] else None for row in rows]


def _rows_of(index: Index) -> Iterator[tuple[str, _Row]]:
    return zip(index.facts["names"], map(tuple, index.arrays["photos"].tolist()))


def _keep(places: list[Path], known: Mapping[str, _Row]) -> Index | None:
    """Writes the rows of readable images into an index file; None if that fails."""
    readable = {name: row for name, row in known.items() if row[2]}
    rows = np.array(list(readable.values()), np.int64).reshape(-1, 5)
    return keep_index(places, _KEY, {"names": list(readable)}, {"photos": rows})


def _stamp(image: os.DirEntry[str]) -> tuple[int, int]:
    """Size in bytes and modification time, (-1, -1) if even these cannot be read."""
    try:
        status = image.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _read_header(path: str) -> _Header:
    """The header of an image whose end is there, `_NO_HEADER` if it is none."""
    try:
        (height, width), orientation = header(path)
        if not _has_end_mark(path):  # truncated, or something is appended to it
            read_image(path)
    except OSError:
        return _NO_HEADER
    return height, width, orientation


def _has_end_mark(path: str) -> bool:
    """Whether the end mark of a JPEG or a PNG is among the last bytes of a file."""
    with open(path, "rb") as file:
        file.seek(max(os.path.getsize(path) - 1024, 0))
        end = file.read()
    return b"\xff\xd9" in end or b"IEND" in end
