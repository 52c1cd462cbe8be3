"""Fashion-MNIST in small: ten kinds of pictures that differ by where a light square lies."""

import gzip

import pytest


def idx_bytes(array):
    """A uint8 array as the content of an idx file, written as the format is described."""
    return (
        bytes([0, 0, 8, array.ndim])
        + b"".join(n.to_bytes(4, "big") for n in array.shape)
        + array.tobytes()
    )


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
