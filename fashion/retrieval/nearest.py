"""Nearest vectors, by faiss: exact up to 200,000 garments, a graph of neighbors (HNSW) beyond.

faiss is imported when a file is written or opened, so that all else works without it.
"""

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.files import atomic_path
from mrcnn.packages import import_package
from mrcnn.typing import Array

__all__ = ["EXACT_UP_TO", "Nearest", "check_faiss", "write_vectors"]

# From here on an exact search takes longer than 0.1 s, see benchmarks/RESULTS.md.
EXACT_UP_TO = 200_000
# Links of each vector, and candidates while building and searching: recall of .95 and more, see
# benchmarks/RESULTS.md. Malkov and Yashunin 2018, arXiv:1603.09320.
LINKS, BUILD_CANDIDATES, SEARCH_CANDIDATES = 32, 120, 64
# Filters that leave fewer vectors, or a smaller share of all, are searched exactly: a walk along
# links would meet few that are allowed, and would not be faster.
FEW, FEW_OF_ALL = 50_000, 0.1


def check_faiss() -> None:
    """Checks that faiss is installed, before hours of work end without it.

    Raises:
        PackageMissing: It is not.
    """
    _faiss()


def write_vectors(path: Path, ids: Array, vectors: Array, exact_up_to: int = EXACT_UP_TO) -> None:
    """Writes vectors for searches, under a temporary name first.

    Args:
        path: The file.
        ids: `(N,)` int64, numbers of the garments, ascending.
        vectors: `(N, D)` float32 of length 1.
        exact_up_to: Number of vectors up to which searches are exact.

    Raises:
        PackageMissing: faiss is not installed.
        OSError: The file cannot be written.
    """
    faiss = _faiss()
    dimension = vectors.shape[1]
    if len(ids) <= exact_up_to:
        inner = faiss.IndexFlatIP(dimension)
    else:
        inner = faiss.IndexHNSWFlat(dimension, LINKS, faiss.METRIC_INNER_PRODUCT)
        inner.hnsw.efConstruction = BUILD_CANDIDATES
        inner.hnsw.efSearch = SEARCH_CANDIDATES
    index = faiss.IndexIDMap(inner)
    index.add_with_ids(np.ascontiguousarray(vectors), np.ascontiguousarray(ids, np.int64))
    with atomic_path(path, size=vectors.nbytes) as temporary:
        faiss.write_index(index, str(temporary))


class Nearest:
    """Vectors of a file, in memory.

    Args:
        path: File of `write_vectors`.

    Attributes:
        ids: `(N,)` int64, numbers of the garments, ascending.
        dimension: D.

    Raises:
        PackageMissing: faiss is not installed.
        ValueError: The file is damaged.
    """

    def __init__(self, path: Path) -> None:
        faiss = _faiss()
        try:
            self._whole = faiss.read_index(str(path))  # owns what follows
            self.ids: Array = faiss.vector_to_array(self._whole.id_map)
            self._index = faiss.downcast_index(self._whole.index)
        except (RuntimeError, AttributeError) as error:
            raise ValueError(
                f"{path} is damaged. Delete it, and start `fashion catalogue` again with the same "
                "arguments: it is written from the database."
            ) from error
        self.dimension = int(self._index.d)
        self.is_exact = not hasattr(self._index, "hnsw")
        self._flat = self._index
        if not self.is_exact:
            self._flat = faiss.downcast_index(self._index.storage)

    def __len__(self) -> int:
        return len(self.ids)

    def vector(self, garment_id: int) -> Array:
        """Looks up a vector.

        Args:
            garment_id: Number of the garment.

        Returns:
            `(D,)` float32.

        Raises:
            KeyError: There is no such garment.
        """
        (place,) = self._places([garment_id])
        if place < 0:
            raise KeyError(garment_id)
        return self._flat.reconstruct(int(place))

    def search(
        self,
        vectors: Array,
        k: int,
        *,
        allowed: Array | None = None,
        excluded: Collection[int] = (),
    ) -> tuple[Array, Array]:
        """Finds the nearest vectors.

        Args:
            vectors: `(n, D)` float32.
            k: Number of neighbors.
            allowed: `(A,)` int64, numbers of the garments that may be found; None for all.
            excluded: Numbers of garments that may not be found.

        Returns:
            ids: `(n, m)` int64, m at most k, the nearest first; -1 where there are no more.
            similarities: `(n, m)` float32, products.
        """
        vectors = np.ascontiguousarray(vectors, np.float32)
        index, selector, count = self._index, None, len(self)
        barred = self._places(sorted(excluded))
        barred = barred[barred >= 0]
        if allowed is not None:
            places = self._places(allowed)
            places = np.setdiff1d(places[places >= 0], barred)
            selector, count = _faiss().IDSelectorBatch(places), len(places)
            if count < max(FEW, FEW_OF_ALL * len(self)):
                index = self._flat
        elif len(barred):
            faiss = _faiss()
            listed = faiss.IDSelectorBatch(barred)
            selector, count = faiss.IDSelectorNot(listed), count - len(barred)
        if not count or not len(vectors):
            return np.zeros((len(vectors), 0), np.int64), np.zeros((len(vectors), 0), np.float32)
        similarities, found = index.search(
            vectors, min(k, count), params=self._parameters(index, selector, k)
        )
        return np.where(found < 0, -1, self.ids[found]), similarities

    def _parameters(self, index: Any, selector: Any, k: int) -> Any:
        faiss = _faiss()
        if hasattr(index, "hnsw"):
            candidates = max(SEARCH_CANDIDATES, 2 * k)
            return faiss.SearchParametersHNSW(sel=selector, efSearch=candidates)
        return faiss.SearchParameters(sel=selector)

    def _places(self, ids: Any) -> Array:
        """(A,) int64: rows of garments, -1 for those that are not in the file."""
        wanted = np.asarray(ids, np.int64)
        if not len(self.ids):
            return np.full(len(wanted), -1)
        places = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        return np.where(self.ids[places] == wanted, places, -1)


def _faiss() -> Any:
    # It tells of each variant that it tries, as information.
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)
    return import_package("faiss", "An index of garments in a folder", "faiss-cpu>=1.9,<2")
