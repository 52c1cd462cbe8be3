"""Near-duplicates: images of the same scene, which a split should keep on one side.

An image is described by 128 bits, whether the brightness rises from cell to cell of 8 x 8 in either
direction (difference hash; Krawetz, "Kind of like that", 2013), and by its colours on 8 x 8 cells.
Two images are near-duplicates if few bits differ and the colours correlate. The colours are needed:
clothes laid out on white differ in few bits, whatever they are.

The limits were chosen on 803 street photographs. Five pairs have at most 16 bits, with colours that
correlate at 0.976 or more: all five show the same person at the same moment. The next pair has 19
bits, and the highest correlation of any other is 0.92. Of 100 copies that were shrunk, brightened,
darkened, compressed again, or cropped by 2 % at each edge, 98 to 100 are found; cropped by 5 %, 20.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from fashion.formats.index_cache import (
    Index,
    all_indexes,
    index_places,
    is_index_of_files,
    keep_index,
)
from mrcnn.data.image_io import read_image
from mrcnn.typing import Array, PathLike

log = logging.getLogger(__name__)

MAX_BITS = 16  # of 128 that differ
MIN_CORRELATION = 0.95  # of the colours
CELLS = 8
_KEY = {"signatures": 1}  # raise it when `signature` computes something else
_ARRAYS = {
    "stamps": (np.int64, (2,)),
    "hashes": (np.uint64, (2,)),
    "colors": (np.uint8, (3 * CELLS**2,)),
}
_THREADS = 4  # decoding releases the interpreter lock, and disks serve several readers well
_CHUNK = 4000  # images between two writes of the cache: a killed run repeats this many at most
_ROWS = 256  # images compared at a time with all that follow: what the processor's cache holds


def near_duplicate_groups(paths: Sequence[PathLike]) -> Array:
    """Groups near-duplicates.

    Every image is read once, which takes 2 to 4 ms of a core for half a megapixel, and in
    proportion for larger ones. The signatures are kept in an index file.

    Args:
        paths: n image files in one folder.

    Returns:
        `(n,)` int64: for each image the index of the first of its group, by file name; its own
        index if it has no near-duplicate.
    """
    hashes, colors = signatures(paths)
    by_name = np.argsort([Path(path).name for path in paths], kind="stable")
    return groups_of(near_pairs(hashes, colors), np.argsort(by_name))


def signature(path: PathLike) -> tuple[Array, Array]:
    """Computes the hash and the colours of an image.

    Args:
        path: An image file.

    Returns:
        hash: `(2,)` uint64.
        colors: `(8 * 8 * 3,)` uint8, RGB.

    Raises:
        OSError: If the file cannot be read.
    """
    # An eighth of a large JPEG is decoded.
    image = Image.fromarray(read_image(path, at_least_hw=(8 * CELLS, 8 * CELLS)))
    grey = image.convert("L")
    across = np.asarray(grey.resize((CELLS + 1, CELLS), Image.Resampling.BOX))
    down = np.asarray(grey.resize((CELLS, CELLS + 1), Image.Resampling.BOX))
    rises_across, rises_down = across[:, 1:] > across[:, :-1], down[1:] > down[:-1]
    bits = np.concatenate([rises_across.ravel(), rises_down.ravel()])
    colors = np.asarray(image.resize((CELLS, CELLS), Image.Resampling.BOX)).ravel()
    return np.packbits(bits).view(np.uint64), colors


def _signature_or_none(path: Path) -> tuple[Array, Array] | None:
    try:
        return signature(path)
    except OSError as error:
        log.warning("%s It is treated as similar to no other photo.", error)
        return None


def signatures(paths: Sequence[PathLike]) -> tuple[Array, Array]:
    """Computes the signatures of many images, or takes them from the folder's index file.

    Args:
        paths: n image files in one folder.

    Returns:
        hashes: `(n, 2)` uint64.
        colors: `(n, 192)` uint8. Zeros for an image that cannot be read; they are like no other
            image's, and the image is tried again the next time.
    """
    files = [Path(path) for path in paths]
    # The name is a file format: an older index file is still found.
    places = index_places(files[0].parent, "look-alikes")
    status = [path.stat() for path in files]
    stamps = np.array([(s.st_size, s.st_mtime_ns) for s in status], np.int64)
    hashes = np.zeros((len(files), 2), np.uint64)
    colors = np.zeros((len(files), 3 * CELLS**2), np.uint8)
    known = np.zeros(len(files), bool)
    for index in all_indexes(places, _KEY, lambda index: is_index_of_files(index, _ARRAYS)):
        known |= _fill_known(index, files, stamps, hashes, colors)
        del index  # Windows does not replace a file that is mapped
    todo = np.flatnonzero(~known)
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        tqdm(total=len(todo), unit="image", desc="near-duplicates", disable=not len(todo)) as bar,
    ):
        for chunk in np.split(todo, range(_CHUNK, len(todo), _CHUNK)) if len(todo) else ():
            for i, found in zip(chunk, pool.map(_signature_or_none, [files[i] for i in chunk])):
                if found:
                    (hashes[i], colors[i]), known[i] = found, True
                bar.update()
            names = [path.name for path, is_known in zip(files, known) if is_known]
            rows: dict[str, Array] = {
                "stamps": stamps[known],
                "hashes": hashes[known],
                "colors": colors[known],
            }
            if places and not keep_index(places, _KEY, {"names": names}, rows):
                places = []  # warn once
    return hashes, colors


def near_pairs(
    hashes: Array,
    colors: Array,
    max_bits: int = MAX_BITS,
    min_correlation: float = MIN_CORRELATION,
) -> Array:
    """Finds all pairs of near-duplicates.

    Every pair is compared: 45,000 images take about ten seconds. An image of one colour is like no
    other, because there is nothing to compare.

    Args:
        hashes: `(n, 2)` uint64.
        colors: `(n, 192)` uint8.
        max_bits: Most bits that differ.
        min_correlation: Least correlation of the colours.

    Returns:
        `(m, 2)` int64, the smaller index first.
    """
    colors = colors.astype(np.float32).reshape(-1, CELLS**2, 3)
    # Centre each of R, G and B: a common tint does not make images similar.
    colors = (colors - colors.mean(axis=1, keepdims=True)).reshape(len(hashes), -1)
    colors /= np.maximum(np.linalg.norm(colors, axis=1, keepdims=True), 1e-6)
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(hashes), _ROWS):
        rows = hashes[start : start + _ROWS]
        # The first 64 bits sort out nearly all pairs.
        bits = np.bitwise_count(rows[:, None, 0] ^ hashes[None, start:, 0])
        first, second = np.nonzero(bits <= max_bits)
        first, second = (first + start)[first < second], (second + start)[first < second]
        few = np.bitwise_count(hashes[first] ^ hashes[second]).sum(axis=1) <= max_bits
        first, second = first[few], second[few]
        alike = np.einsum("ij,ij->i", colors[first], colors[second]) >= min_correlation
        found.append(np.stack([first, second], axis=1)[alike])
    return np.concatenate(found)


def groups_of(pairs: Array, rank: Array) -> Array:
    """Joins pairs of near-duplicates into groups.

    A chain is one group: a model that has seen one image of a burst has seen its neighbours.

    Args:
        pairs: `(m, 2)` int64.
        rank: `(n,)` int, the order of the images.

    Returns:
        `(n,)` int64: for each image the index of the first of its group.
    """
    # Not at the top: scoring and predicting need no SciPy.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    # A sparse graph: 45,000 images have some thousand pairs, not two billion.
    links = coo_matrix(
        (np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (len(rank), len(rank))
    )
    _, group = connected_components(links, directed=False)
    order = np.argsort(rank, kind="stable")
    _, first, inverse = np.unique(group[order], return_index=True, return_inverse=True)
    firsts = np.empty(len(rank), np.int64)
    firsts[order] = order[first][inverse]
    return firsts


def _fill_known(
    index: Index, paths: list[Path], stamps: Array, hashes: Array, colors: Array
) -> Array:
    """Copies what an index has of unchanged images; (n,) bool: which ones."""
    place = {name: i for i, name in enumerate(index.facts["names"])}
    row = np.array([place.get(path.name, -1) for path in paths])
    known = row >= 0
    known[known] = (index.arrays["stamps"][row[known]] == stamps[known]).all(axis=1)
    hashes[known] = index.arrays["hashes"][row[known]]
    colors[known] = index.arrays["colors"][row[known]]
    return known
