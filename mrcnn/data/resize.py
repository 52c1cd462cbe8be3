"""Resize modes: how an image of any size is laid on the canvas of the network input."""

from collections.abc import Sequence

import numpy as np

from mrcnn.config import Config
from mrcnn.data.placement import Placement
from mrcnn.typing import Array, Size

# The pyramid halves the image six times.
CANVAS_MULTIPLE = 64
# Pixels that an image is enlarged to at most: a strip of 1 x 65,000 would become 128 x 8,320,000
# for a side of 128. As float32 these are 400 MB, and 5,800 x 5,800 is far beyond what a network is
# run on. A larger image may keep its size.
MAX_ENLARGED = 2**25


def make_placement(
    original_hw: Size,
    canvas_hw: Size | None = None,
    mode: str = "square",
    *,
    min_dim: int = 0,
    min_scale: float = 0,
    rng: np.random.Generator | None = None,
) -> Placement:
    """Computes how to lay an image on a canvas; its proportions are kept.

    Args:
        original_hw: Height and width of the image.
        canvas_hw: Height and width of the canvas, for the modes that do not choose their own.
        mode: One of
            "square": Shrinks an image that is too large, and enlarges a small one only until its
            short side is `min_dim` or by the factor `min_scale` (Matterport's rule); centred.
            "portrait": Always fills the canvas; centred.
            "none": Keeps the size; a canvas must have exactly this size.
            "pad64": Enlarges like "square", and pads the sides to multiples of 64; centred.
            "crop": Enlarges like "square", and cuts out `min_dim` x `min_dim`.
        min_dim: Least length of the short side, pixels.
        min_scale: Least factor.
        rng: Draws where to crop; None crops the centre.

    Returns:
        The placement.

    Raises:
        ValueError: For an image or settings that do not suit the mode.
    """
    h, w = original_hw
    if mode == "none":
        return _unchanged((h, w), canvas_hw)
    scale = max(1, min_dim / min(h, w), min_scale)
    if mode == "pad64":
        return _padded((h, w), scale, min_dim)
    if mode == "crop":
        return _cropped((h, w), scale, min_dim, rng)
    if mode not in ("square", "portrait"):
        raise ValueError(
            f"A resize mode is one of 'none', 'square', 'pad64', 'crop', 'portrait'. Got {mode!r}."
        )
    if canvas_hw is None:
        raise ValueError(
            f"Mode {mode!r} lays photos on a canvas of fixed size, and none was given. Say how "
            "large it is (IMAGE_MAX_DIM, max_dim), or use 'pad64' or 'none'."
        )
    return _fitted((h, w), canvas_hw, None if mode == "portrait" else scale)


def _unchanged(original_hw: Size, canvas_hw: Size | None) -> Placement:
    h, w = original_hw
    if canvas_hw is not None and (h, w) != tuple(canvas_hw):
        raise ValueError(
            f"IMAGE_RESIZE_MODE 'none' takes photos of exactly {tuple(canvas_hw)} (height, "
            f"width). Got {h} x {w}; use 'square'."
        )
    return Placement((h, w), (h, w), (0, 0), (h, w))


def _fitted(original_hw: Size, canvas_hw: Size, scale: float | None) -> Placement:
    """Scales an image, or makes it as large as the canvas allows (scale None); centred."""
    (h, w), (height, width) = original_hw, canvas_hw
    # Compared after rounding, as Matterport does: a long side may fit only after rounding.
    if scale is None or round(h * scale) > height or round(w * scale) > width:
        scale = min(height / h, width / w)
    size = (min(height, max(1, round(h * scale))), min(width, max(1, round(w * scale))))
    return Placement((h, w), size, _centred(size, canvas_hw), (height, width), scale)


def _padded(original_hw: Size, scale: float, min_dim: int) -> Placement:
    if min_dim % CANVAS_MULTIPLE:
        low = min_dim // CANVAS_MULTIPLE * CANVAS_MULTIPLE
        raise ValueError(
            "Mode 'pad64' wants a smallest side (IMAGE_MIN_DIM, min_dim) that is a multiple of "
            f"{CANVAS_MULTIPLE}. Got {min_dim}; the nearest that work are {low} and "
            f"{low + CANVAS_MULTIPLE}."
        )
    size = _enlarged(original_hw, scale, "pad64")
    height, width = (-(-n // CANVAS_MULTIPLE) * CANVAS_MULTIPLE for n in size)
    canvas = (height, width)
    return Placement(original_hw, size, _centred(size, canvas), canvas, scale)


def _cropped(
    original_hw: Size, scale: float, min_dim: int, rng: np.random.Generator | None
) -> Placement:
    if not min_dim:
        raise ValueError(
            "Mode 'crop' cuts out a square of IMAGE_MIN_DIM (min_dim) pixels. Got none; set it."
        )
    size = _enlarged(original_hw, scale, "crop")
    slack = [n - min_dim for n in size]
    if rng is None:
        y, x = (n // 2 for n in slack)
    else:
        y, x = (int(rng.integers(n + 1)) for n in slack)
    return Placement(original_hw, size, (-y, -x), (min_dim, min_dim), scale)


def _enlarged(original_hw: Size, scale: float, mode: str) -> Size:
    """Returns the size of the scaled image; refuses a long thin one that would take gigabytes."""
    height, width = (round(n * scale) for n in original_hw)
    if scale > 1 and height * width > MAX_ENLARGED:
        raise ValueError(
            f"A photo of {original_hw[0]} x {original_hw[1]} pixels (height x width) would be "
            f"enlarged to {height:,} x {width:,} in IMAGE_RESIZE_MODE {mode!r}, by IMAGE_MIN_DIM "
            f"or IMAGE_MIN_SCALE; {MAX_ENLARGED / 1e6:.0f} million pixels are the most. Leave it "
            "out, or use 'square', which makes it fit."
        )
    return height, width


def _centred(size_hw: Size, canvas_hw: Size) -> Size:
    return (canvas_hw[0] - size_hw[0]) // 2, (canvas_hw[1] - size_hw[1]) // 2


def placement_for(
    config: Config,
    original_hw: Size,
    rng: np.random.Generator | None = None,
    jitter: bool = False,
) -> Placement:
    """Computes a placement by the settings of a Config.

    Args:
        config: Settings of sizes. In the modes "pad64" and "none" the canvas depends on the image.
        original_hw: Height and width of the image.
        rng: Draws where mode "crop" cuts; None cuts out the centre. Needed for jitter.
        jitter: Scale by a random factor of SCALE_JITTER (large-scale jitter, Ghiasi et al. 2021).

    Returns:
        The placement.

    Raises:
        ValueError: For an image or settings that do not suit the mode.
    """
    mode = config.IMAGE_RESIZE_MODE
    if mode == "none" and any(n % CANVAS_MULTIPLE for n in original_hw):
        raise ValueError(
            "IMAGE_RESIZE_MODE 'none' takes photos whose height and width are multiples of "
            f"{CANVAS_MULTIPLE} (the pyramid halves the image six times). Got {original_hw[0]} x "
            f"{original_hw[1]}; use 'pad64', which adds a black border, or 'square'."
        )
    placement = make_placement(
        original_hw,
        config.image_hw if mode in ("square", "portrait") else None,
        mode,
        min_dim=config.IMAGE_MIN_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        rng=rng,
    )
    if not jitter or not config.SCALE_JITTER:
        return placement
    if rng is None:
        raise ValueError("SCALE_JITTER needs rng, the source of its randomness. Got None.")
    return placement.scaled(rng.uniform(*config.SCALE_JITTER), rng)


def check_placeable(original_hw: Size, config: Config, name: str) -> None:
    """Refuses an image that has no place on a canvas, a long strip in some modes.

    Args:
        original_hw: Height and width of the image.
        config: Its resize mode and sizes are read.
        name: What errors call the image, for instance its path.

    Raises:
        ValueError: With the name and the reason.
    """
    try:
        placement_for(config, original_hw)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def nearest_on_corners(image: Array, size_hw: Size) -> Array:
    """Resizes by nearest neighbour, with the corner pixels of both images on each other.

    The grid of scipy.ndimage.zoom(order=0), which Matterport resized masks by. It differs by up to
    half a pixel from every other resampling here; for parity only.

    Args:
        image: `(h, w, ...)`.
        size_hw: Height and width of the result.

    Returns:
        `(*size_hw, ...)`.
    """
    rows, columns = (
        np.minimum(
            np.floor(np.arange(n) * ((cells - 1) / max(n - 1, 1)) + 0.5).astype(np.int64), cells - 1
        )
        for n, cells in zip(size_hw, image.shape[:2], strict=True)
    )
    return image[rows][:, columns]


def normalise(
    images: Array, mean: Array | Sequence[float], std: Array | Sequence[float] | float
) -> Array:
    """Normalises pixels for the network.

    Args:
        images: `(..., C)`, RGB 0..255.
        mean: `(C,)`.
        std: `(C,)` or a number.

    Returns:
        `(..., C)` float32, (pixel - mean) / std.
    """
    return (np.asarray(images, np.float32) - mean) / std
