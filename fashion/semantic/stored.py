"""Stored networks: weights.h5 of a run of `fashion segment`, loaded again for predictions."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops

from fashion.semantic.names import MULTIPLE
from fashion.semantic.networks import NETWORKS, build_network
from mrcnn.data.placement import Placement
from mrcnn.data.resize import make_placement, normalise
from mrcnn.inference.compiled import compiled
from mrcnn.typing import Array, PathLike
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import load_weights


@dataclass(frozen=True)
class StoredNetwork:
    """A network that labels pixels, and the names of its labels.

    Attributes:
        model: The network.
        name: A key of `NETWORKS`.
        size: Side of its input in pixels.
        category_names: Of labels 1 …; label 0 is the background.
    """

    model: keras.Model
    name: str
    size: int
    category_names: tuple[str, ...]

    def canvas(self, photo: Array) -> tuple[Array, Placement]:
        """Lays an image on the canvas of the network.

        Args:
            photo: `(h, w, 3)` uint8 RGB.

        Returns:
            `(size, size, 3)` uint8, and where the image lies in it.
        """
        hw = (int(photo.shape[0]), int(photo.shape[1]))
        placement = make_placement(hw, (self.size, self.size), "portrait")
        return placement.image(photo), placement

    def probability_maps(self, xla: bool = False) -> "ProbabilityMaps":
        """Returns what computes the probabilities of all labels.

        Args:
            xla: Whether TensorFlow compiles it with XLA.

        Returns:
            The function.
        """
        return ProbabilityMaps(self, xla)


class ProbabilityMaps:
    """Computes the probabilities of the labels of every pixel.

    Args:
        network: The network.
        xla: Whether TensorFlow compiles it with XLA.
    """

    def __init__(self, network: StoredNetwork, xla: bool = False) -> None:
        self._pixels = tuple(np.array(part, np.float32) for part in NETWORKS[network.name].pixels)
        self._model = network.model
        self._step = compiled(self._predict, network.model, xla=xla)

    def __call__(self, canvas: Array) -> Array:
        """Labels one image.

        Args:
            canvas: `(S, S, 3)` uint8.

        Returns:
            `(S, S, K)` float32.
        """
        image = normalise(canvas[None], *self._pixels)
        return ops.convert_to_numpy(self._step(ops.convert_to_tensor(image)))[0]

    def _predict(self, images):
        return ops.softmax(ops.cast(self._model(images, training=False), "float32"), axis=-1)


def is_network(path: PathLike) -> bool:
    """Returns whether a weight file is that of a network that labels pixels.

    Args:
        path: A .h5 file.

    Returns:
        Whether its metadata name such a network.
    """
    return read_metadata(path).get("network") in NETWORKS


def load_network(path: PathLike) -> StoredNetwork:
    """Loads a network.

    Args:
        path: weights.h5 of a run of `fashion segment`.

    Returns:
        The network.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is another file, or damaged.
    """
    path = Path(path)
    metadata = read_metadata(path)
    try:
        name, size, width = (metadata[key] for key in ("network", "size", "width"))
        names = tuple(str(row["name"]) for row in metadata["categories"])
        valid = name in NETWORKS and type(width) is int and 0 < width < 10_000
        valid = valid and type(size) is int and 0 < size < 10_000 and size % MULTIPLE == 0
    except (KeyError, TypeError):
        valid = False
    if not valid:
        raise ValueError(
            f"{path} is not a network that labels pixels, or is damaged. Give weights.h5 of a run "
            "of fashion/segment.py."
        )
    model = build_network(name, size, 1 + len(names), width)
    lacking = sorted(load_weights(model, path).only_in_model)
    if lacking:
        raise ValueError(
            f"{path} has no weights for {', '.join(lacking[:4])}, which would stay random. "
            "Train it again with fashion/segment.py."
        )
    return StoredNetwork(model, name, size, names)
