"""Fashion-MNIST: its four official files as arrays, downloaded or from a folder."""

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn.typing import Array, PathLike
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
# Where github.com/zalandoresearch/fashion-mnist points. Zalando publishes MD5 sums; the SHA-256
# sums are those of files with that MD5.
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FILES = {  # name: bytes and SHA-256 of the gzip file
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
HELD_OUT = 0.2  # share of the training images that is validated on: 12,000 of 60,000
SPLIT_SEED = 0  # one split for all runs, so that they differ by their training alone

_GZIP = b"\x1f\x8b"
_IDX_HEAD = b"\x00\x00\x08"  # two zeros, then the data type: 8 for uint8


@dataclass(frozen=True)
class Images:
    """Labelled images.

    Attributes:
        pixels: `(N, 28, 28)` uint8, light clothes on black.
        labels: `(N,)` uint8, index into `CLASSES`.
    """

    pixels: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: Array | slice) -> "Images":
        """Selects images.

        Args:
            rows: `(n,)` int, or a slice.

        Returns:
            The selected images.
        """
        return Images(self.pixels[rows], self.labels[rows])


def load_images(
    folder: PathLike | None = None, *, url: str = URL, progress: bool = True
) -> tuple[Images, Images]:
    """Loads the training and the test images.

    Args:
        folder: Holds the four idx files, packed by gzip or not. None downloads them into
            data/fashion_mnist, unless they are there, and checks their SHA-256.
        url: Where they are downloaded from.
        progress: Whether a bar shows the progress of the download.

    Returns:
        train: 60,000 images.
        test: 10,000 images.

    Raises:
        FileNotFoundError: The folder lacks files.
        DownloadError: They cannot be downloaded.
        ValueError: A file does not hold what its name says.
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
    paths = paths_in(Path(folder))
    train, test = (
        _read_part(paths[f"{part}-images-idx3-ubyte"], paths[f"{part}-labels-idx1-ubyte"])
        for part in ("train", "t10k")
    )
    return train, test


def split(images: Images, held_out: float = HELD_OUT) -> tuple[Images, Images]:
    """Holds out a random share of the images, the same ones for every run.

    Args:
        images: Training images.
        held_out: Share to validate on.

    Returns:
        train: The rest, in the order of the files.
        validation: The images that are held out, in the order of the files.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    count = round(held_out * len(images))
    return images.rows(np.sort(order[count:])), images.rows(np.sort(order[:count]))


def read_idx(path: Path) -> Array:
    """Reads an idx file, the format in which MNIST and its successors are published.

    The header is two zero bytes, the data type, the number of axes, and the length of each axis
    as a big-endian uint32.

    Args:
        path: File of uint8. Its first bytes, not its name, tell whether it is packed by gzip.

    Returns:
        uint8 array of the shape in the header.

    Raises:
        ValueError: The file has another format, is cut off, or is too long.
    """
    data = path.read_bytes()
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(
                f"{path} cannot be unpacked: it is cut off or damaged. Download it again."
            ) from error
    if data[:3] != _IDX_HEAD or len(data) < 4:
        raise ValueError(
            f"{path} is not an idx file of bytes: it should begin with {_IDX_HEAD!r} and begins "
            f"with {data[:3]!r}."
        )
    head = 4 + 4 * data[3]
    shape = tuple(int(n) for n in np.frombuffer(data[4:head].ljust(head - 4, b"\0"), ">u4"))
    expected = head + math.prod(shape)
    if len(data) != expected:
        raise ValueError(
            f"{path} should hold {expected:,} bytes, as its header says, and holds {len(data):,}. "
            "Download it again."
        )
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def paths_in(folder: Path) -> dict[str, Path]:
    """Finds the four files.

    Args:
        folder: Their folder.

    Returns:
        Path by name, the unpacked file where both exist.

    Raises:
        FileNotFoundError: The folder lacks files.
    """
    found = {}
    for name in FILES:
        for path in (folder / f"{name}.gz", folder / name):
            if path.is_file():
                found[name] = path
    missing = [name for name in FILES if name not in found]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)}. Expected the four files of Fashion-MNIST, each "
            "with or without .gz. Without --data they are downloaded."
        )
    return found


def _read_part(pixels_path: Path, labels_path: Path) -> Images:
    pixels, labels = read_idx(pixels_path), read_idx(labels_path)
    if pixels.shape[1:] != IMAGE_HW:
        raise ValueError(
            f"{pixels_path} should hold images of 28 x 28 pixels, shape (N, 28, 28), and holds "
            f"{pixels.shape}."
        )
    if labels.shape != pixels.shape[:1] or labels.max(initial=0) >= len(CLASSES):
        raise ValueError(
            f"{labels_path} should hold {len(pixels):,} labels from 0 to {len(CLASSES) - 1}, one "
            f"for each image, and holds an array {labels.shape} up to {labels.max(initial=0)}."
        )
    return Images(pixels, labels)
