"""Fashion-MNIST: its four official files as arrays, from a folder or from where they are published, and what is held out of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fashion.classify.idx import read_idx
from mrcnn.weights.download import download

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
IMAGE_HW = (28, 28)
FOLDER = Path("data/fashion_mnist")
# Where github.com/zalandoresearch/fashion-mnist points. Zalando publishes MD5; the SHA-256 are those of files with that MD5.
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FILES = {  # name: bytes and SHA-256 of the file packed by gzip
    "train-images-idx3-ubyte": (
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    "train-labels-idx1-ubyte": (
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    "t10k-images-idx3-ubyte": (
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    "t10k-labels-idx1-ubyte": (
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
HELD_OUT = 0.2  # of the images to train on: 12,000 of 60,000
SPLIT_SEED = 0  # one split for all runs, so that they differ by their training alone


@dataclass(frozen=True)
class Images:
    """pixels: (N, 28, 28) uint8, light clothes on black; labels: (N,) uint8, a row of CLASSES"""

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def rows(self, rows):
        """Some of them. rows: (n,) int, or a slice"""
        return Images(self.pixels[rows], self.labels[rows])


def load_images(folder=None, *, url=URL, progress=True):
    """(train, test), each Images, of the four idx files in `folder`, packed or not.

    Without a folder they are fetched into data/fashion_mnist once, checked by SHA-256; what is there is not fetched again.
    Raises FileNotFoundError if the folder lacks files, DownloadError if they cannot be fetched, ValueError if a file is not what its
    name says.
    """
    if folder is None:
        folder = FOLDER
        for name, (size, sha256) in FILES.items():
            if not (folder / name).exists():
                download(
                    f"{url}{name}.gz",
                    folder / f"{name}.gz",
                    sha256=sha256,
                    size=size,
                    progress=progress,
                    otherwise="give a folder that holds the four files with --data",
                )
    paths = _paths(Path(folder))
    return tuple(
        _pair(*(paths[f"{part}-{kind}-ubyte"] for kind in ("images-idx3", "labels-idx1")))
        for part in ("train", "t10k")
    )


def split(images, held_out=HELD_OUT):
    """(train, validation): a share of `images` is held out at random, always the same ones. Both keep the order of the files."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    count = round(held_out * len(images))
    return images.rows(np.sort(order[count:])), images.rows(np.sort(order[:count]))


def _paths(folder):
    """{name: path} of the four files; the unpacked one where both are there."""
    found = {
        name: path
        for name in FILES
        for path in (folder / f"{name}.gz", folder / name)
        if path.is_file()
    }
    missing = [name for name in FILES if name not in found]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)}. Expected the four files of Fashion-MNIST, each with or without "
            ".gz. Without --data they are fetched."
        )
    return found


def _pair(pixels_path, labels_path):
    pixels, labels = read_idx(pixels_path), read_idx(labels_path)
    if pixels.shape[1:] != IMAGE_HW:
        raise ValueError(
            f"{pixels_path} should hold images of 28 x 28 pixels, shape (N, 28, 28), and holds {pixels.shape}."
        )
    if labels.shape != pixels.shape[:1] or labels.max(initial=0) >= len(CLASSES):
        raise ValueError(
            f"{labels_path} should hold {len(pixels):,} labels from 0 to {len(CLASSES) - 1}, one for each image, and holds "
            f"an array {labels.shape} up to {labels.max(initial=0)}."
        )
    return Images(pixels, labels)
