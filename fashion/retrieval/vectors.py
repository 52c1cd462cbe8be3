"""Vectors of garments: three descriptions, weighted, as one vector of length 1.

The parts are

* "features": the hidden vector of the box head, less its mean over the garments of the index,
* "attributes": the score of each attribute,
* "colors": the histogram of the colors inside the mask.

Each part is scaled to length 1, multiplied by the square root of its weight, and joined to the
others. So the product of two vectors is the weighted mean of the cosines of their parts.
"""

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from mrcnn.typing import Array

__all__ = ["MOST_FITTED", "WEIGHTS", "GarmentParts", "VectorSpace", "fit_space", "unit"]

# Equal weights agree as well with true attributes, and tell categories apart less often (0.62
# instead of 0.67 of ten neighbors, benchmarks/RESULTS.md).
WEIGHTS = {"features": 2.0, "attributes": 1.0, "colors": 1.0}
# Box features have 1024 numbers, and the garments of an index lie near a plane of fewer: searches
# take a quarter of the time and find the same (benchmarks/RESULTS.md). With fewer than eight
# garments for each number that is kept, the plane would be one of these garments, not of others.
MOST_FEATURES, GARMENTS_PER_FEATURE = 128, 8
# The plane and the mean are measured on at most this many garments, equally spaced.
MOST_FITTED = 20_000
_TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class GarmentParts:
    """What n garments are described by.

    Attributes:
        features: `(n, F)` float32 of length 1, hidden vectors of the box head.
        attributes: `(n, T)` float32, scores of the attributes, 0 to 1.
        colors: `(n, C)` float32, square roots of color histograms.
    """

    features: Array
    attributes: Array
    colors: Array

    def __len__(self) -> int:
        return len(self.features)


@dataclasses.dataclass(frozen=True)
class VectorSpace:
    """How the parts of a garment become its vector.

    Attributes:
        mean: `(F,)` float32, subtracted from the features.
        plane: `(F, P)` float32, orthonormal columns that features are projected on; None keeps all.
        weights: Of each part.
        count: Garments that the mean was measured on.
    """

    mean: Array
    plane: Array | None = None
    weights: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict(WEIGHTS))
    count: int = 0

    def combine(self, parts: GarmentParts) -> Array:
        """Joins the parts of garments.

        Args:
            parts: Of n garments.

        Returns:
            `(n, D)` float32 of length 1, or of length 0 for a garment without any part.

        Raises:
            ValueError: The features have another number of dimensions than the mean.
        """
        if parts.features.shape[1] != len(self.mean):
            raise ValueError(
                f"The model gives {parts.features.shape[1]} box features, and the index was made "
                f"with {len(self.mean)}. Use the model that made the index."
            )
        features = parts.features - self.mean
        if self.plane is not None:
            features = features @ self.plane
        joined = []
        for name, part in (
            ("features", features),
            ("attributes", parts.attributes),
            ("colors", parts.colors),
        ):
            joined.append(unit(part) * np.float32(np.sqrt(self.weights[name])))
        return unit(np.concatenate(joined, axis=1))

    def to_meta(self, attributes: int, colors: int) -> dict[str, Any]:
        """Describes the vectors, for `GarmentIndex.meta`.

        Args:
            attributes: T.
            colors: C.

        Returns:
            JSON-able: "dimension", "parts", "count", and "mean" and "plane" as base64 of
            little-endian float32.
        """
        features = len(self.mean) if self.plane is None else self.plane.shape[1]
        sizes = {"features": features, "attributes": attributes, "colors": colors}
        return {
            "dimension": sum(sizes.values()),
            "parts": [
                {"name": name, "size": size, "weight": self.weights[name]}
                for name, size in sizes.items()
            ],
            "count": self.count,
            "mean": _packed(self.mean),
            "plane": None if self.plane is None else _packed(self.plane),
        }

    @classmethod
    def from_meta(cls, about: Mapping[str, Any]) -> "VectorSpace":
        """Reads what `to_meta` wrote.

        Args:
            about: `GarmentIndex.meta["vector"]`.

        Returns:
            The space.

        Raises:
            ValueError: It is damaged.
        """
        try:
            weights = {str(part["name"]): float(part["weight"]) for part in about["parts"]}
            mean = _unpacked(about["mean"])
            plane = None
            if about["plane"] is not None:
                plane = _unpacked(about["plane"]).reshape(len(mean), -1)
            if set(weights) != set(WEIGHTS):
                raise ValueError(f"the parts are {', '.join(weights)}")
            return cls(mean, plane, weights, int(about["count"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                "The description of the vectors in the index is invalid. Make it again with "
                "`fashion catalogue … --restart`."
            ) from error


def fit_space(
    features: Array, count: int, weights: Mapping[str, float] | None = None
) -> VectorSpace:
    """Measures the mean of box features, and the plane that most of their variance lies in.

    Args:
        features: `(n, F)` float32 of length 1, of some garments of an index.
        count: Number of garments of the index.
        weights: Of each part; None for `WEIGHTS`.

    Returns:
        The space.
    """
    weights = dict(weights or WEIGHTS)
    if not len(features):
        return VectorSpace(np.zeros(features.shape[1], np.float32), None, weights)
    some = features.astype(np.float64)
    mean = some.mean(axis=0)
    plane = None
    if features.shape[1] > MOST_FEATURES and len(some) >= GARMENTS_PER_FEATURE * MOST_FEATURES:
        centred = some - mean
        _, directions = np.linalg.eigh(centred.T @ centred)  # the largest variance comes last
        plane = np.ascontiguousarray(directions[:, : -MOST_FEATURES - 1 : -1], np.float32)
    return VectorSpace(mean.astype(np.float32), plane, weights, count)


def unit(vectors: Array) -> Array:
    """Scales vectors to length 1.

    Args:
        vectors: `(n, D)` float32.

    Returns:
        The same directions; vectors of length 0 stay.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, _TINY)).astype(np.float32)


def _packed(values: Array) -> str:
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode("ascii")


def _unpacked(text: str) -> Array:
    return np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)
