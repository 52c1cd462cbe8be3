"""Fashion-MNIST in small: ten kinds of pictures that differ by where a light square lies."""

import gzip

import numpy as np
import pytest


def idx_bytes(array):
    """A uint8 array as the content of an idx file, written as the format is described."""
    return (
        bytes([0, 0, 8, array.ndim])
        + b"".join(n.to_bytes(4, "big") for n in array.shape)
        + array.tobytes()
    )


@pytest.fixture(scope="session")
def toy():
    """toy(count, seed) -> Images; label k is a square at the k-th of ten places, under noise."""
    from fashion.classify.data import Images

    def make(count, seed=0):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        pixels = rng.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(pixels, labels):
            y, x = 2 + 12 * (label // 5), 1 + 5 * (label % 5)
            image[y : y + 8, x : x + 5] += 150
        return Images(pixels, labels)

    return make


@pytest.fixture(scope="session")
def toy_folder(toy, tmp_path_factory):
    """The four files of 100 and 30 toy pictures; two of them packed."""
    folder = tmp_path_factory.mktemp("toy")
    for part, images in (("train", toy(100)), ("t10k", toy(30, seed=1))):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(idx_bytes(images.pixels))
        )
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(images.labels))
    return folder


@pytest.fixture(scope="session")
def as_idx():
    return idx_bytes
