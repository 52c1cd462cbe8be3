"""Near-duplicates: photos that show the same scene, so that a split can keep them on one side.

A photo is described by 128 bits, whether the brightness rises from cell to cell of 8 x 8 in either direction (difference hash, Krawetz
2013, "Kind of like that"), and by its colours on 8 x 8 cells. Two photos are near-duplicates if few bits differ and the colours go along.
The colours are needed: clothes laid out on white differ in few bits, whatever they are.

The limits were read off 803 street photographs. Five pairs of them have at most 16 bits, and colours that go along to 0.976 or more: all
five are the same person in the same moment. The next pair has 19 bits, and of all others the most alike have 0.92. A copy that was made
smaller, paler or darker, saved again, or cut by 2 % at each edge is found in 98 to 100 of 100 cases; one cut by 5 % in 20.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from fashion.formats.index_cache import all_indexes, index_places, is_index_of_files, keep_index
from mrcnn.data.image_io import read_image

log = logging.getLogger(__name__)

MAX_BITS = 16  # of 128 that differ
MIN_CORRELATION = 0.95  # of the colours
CELLS = 8
_KEY = {"signatures": 1}  # raise it whenever `signature` computes something else
_ARRAYS = {
    "stamps": (np.int64, (2,)),
    "hashes": (np.uint64, (2,)),
    "colors": (np.uint8, (3 * CELLS**2,)),
}
_THREADS = 4  # decoding leaves Python's lock alone, and disks like several readers
_CHUNK = 4000  # photos between two writings of the cache: after a kill, so many are read again
_ROWS = 256  # photos compared at a time with all that follow: what the processor's cache holds


def near_duplicate_groups(paths):
    """(n,) int64: for each photo the place of its group's first one, by file name; its own if it is like no other.

    Every photo is read once, two to four ms of a core for half a megapixel and in proportion for larger ones. What was found out
    is kept in an index file for the next time.
    """
    hashes, colors = signatures(paths)
    return groups_of(
        near_pairs(hashes, colors),
        np.argsort(np.argsort([Path(path).name for path in paths], kind="stable")),
    )


def signature(path):
    """The (2,) uint64 hash and (8 * 8 * 3,) uint8 colours of an image file. Raises OSError if it cannot be read."""
    photo = Image.fromarray(
        read_image(path, at_least_hw=(8 * CELLS, 8 * CELLS))
    )  # of a large JPEG an eighth is decoded
    grey = photo.convert("L")
    across = np.asarray(grey.resize((CELLS + 1, CELLS), Image.Resampling.BOX))
    down = np.asarray(grey.resize((CELLS, CELLS + 1), Image.Resampling.BOX))
    bits = np.concatenate(
        [(across[:, 1:] > across[:, :-1]).ravel(), (down[1:] > down[:-1]).ravel()]
    )
    return np.packbits(bits).view(np.uint64), np.asarray(
        photo.resize((CELLS, CELLS), Image.Resampling.BOX)
    ).ravel()


def _signature_or_none(path):
    try:
        return signature(path)
    except OSError as error:
        log.warning("%s It is taken to look like no other photo.", error)
        return None


def signatures(paths):
    """The hashes (n, 2) uint64 and colours (n, 192) uint8 of n photos in one folder, those of before from the index file of the folder.

    A photo that cannot be read has zeros, which are like no other photo's, and is tried again the next time.
    """
    paths = [Path(path) for path in paths]
    places = index_places(paths[0].parent, "look-alikes")
    stamps = np.array(
        [(status.st_size, status.st_mtime_ns) for status in (path.stat() for path in paths)],
        np.int64,
    )
    hashes, colors = (
        np.zeros((len(paths), 2), np.uint64),
        np.zeros((len(paths), 3 * CELLS**2), np.uint8),
    )
    known = np.zeros(len(paths), bool)
    for index in all_indexes(places, _KEY, lambda index: is_index_of_files(index, _ARRAYS)):
        known |= _known(index, paths, stamps, hashes, colors)
        del index  # Windows does not replace a file that is mapped
    todo = np.flatnonzero(~known)
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        tqdm(total=len(todo), unit="photo", desc="look-alikes", disable=not len(todo)) as bar,
    ):
        for chunk in np.split(todo, range(_CHUNK, len(todo), _CHUNK)) if len(todo) else ():
            for i, found in zip(chunk, pool.map(_signature_or_none, [paths[i] for i in chunk])):
                if found:
                    (hashes[i], colors[i]), known[i] = found, True
                bar.update()
            if places and not keep_index(
                places,
                _KEY,
                {"names": [path.name for path, there in zip(paths, known) if there]},
                {"stamps": stamps[known], "hashes": hashes[known], "colors": colors[known]},
            ):
                places = ()  # said once
    return hashes, colors


def near_pairs(hashes, colors, max_bits=MAX_BITS, min_correlation=MIN_CORRELATION):
    """All pairs of near-duplicates: (m, 2) int64, the first the smaller. Every pair is compared: 45,000 photos take ten seconds or so.

    A photo of one colour is like no other: there is nothing to compare.
    """
    colors = colors.astype(np.float32).reshape(-1, CELLS**2, 3)
    colors = (colors - colors.mean(axis=1, keepdims=True)).reshape(
        len(hashes), -1
    )  # each of R, G, B, or a tint would be a likeness
    colors /= np.maximum(np.linalg.norm(colors, axis=1, keepdims=True), 1e-6)
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(hashes), _ROWS):
        rows = hashes[start : start + _ROWS]
        bits = np.bitwise_count(rows[:, None, 0] ^ hashes[None, start:, 0])
        first, second = np.nonzero(bits <= max_bits)
        first, second = (first + start)[first < second], (second + start)[first < second]
        few = np.bitwise_count(hashes[first] ^ hashes[second]).sum(axis=1) <= max_bits
        first, second = first[few], second[few]
        alike = np.einsum("ij,ij->i", colors[first], colors[second]) >= min_correlation
        found.append(np.stack([first, second], axis=1)[alike])
    return np.concatenate(found)


def groups_of(pairs, rank):
    """Pairs of near-duplicates (m, 2) -> (n,) int64, for each photo the place of its group's first; rank: (n,) int, their order.

    The photos of a pair are in one group, and so are all of a chain: a model that has seen one of a burst has seen its neighbours.
    """
    links = coo_matrix(
        (np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (len(rank), len(rank))
    )
    _, group = connected_components(links, directed=False)
    order = np.argsort(rank, kind="stable")
    _, first, inverse = np.unique(group[order], return_index=True, return_inverse=True)
    firsts = np.empty(len(rank), np.int64)
    firsts[order] = order[first][inverse]
    return firsts


def _known(index, paths, stamps, hashes, colors):
    """Fill in, in place, what the index file has of photos that are as they were; (n,) bool: which ones."""
    place = {name: i for i, name in enumerate(index.facts["names"])}
    row = np.array([place.get(path.name, -1) for path in paths])
    known = row >= 0
    known[known] = (index.arrays["stamps"][row[known]] == stamps[known]).all(axis=1)
    hashes[known], colors[known] = (
        index.arrays["hashes"][row[known]],
        index.arrays["colors"][row[known]],
    )
    return known
