"""Samples: photos that the page offers to try."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn.data.image_io import read_image
from mrcnn.typing import Array

# Eileen Collins, photographed by NASA: in the public domain.
ASTRONAUT = Path(__file__).parent / "page" / "astronaut.jpg"
_DRAWN_HW = (480, 320)
_SEEDS = (3, 8)
_LONGEST_SIDE = 1200


def sample_photos(files: Sequence[Path] = ()) -> Mapping[str, bytes]:
    """Collects the photos that the page offers to try.

    Args:
        files: Photos; none: a photo of an astronaut (NASA, public domain), and two drawings.

    Returns:
        JPEGs without metadata, by file name.
    """
    if not files:
        return {"astronaut.jpg": ASTRONAUT.read_bytes()} | _drawings()
    photos = (read_image(path, upright=True) for path in files)
    return {f"{number}.jpg": _as_jpeg(photo) for number, photo in enumerate(photos, 1)}


def _drawings() -> dict[str, bytes]:
    from fashion.datasets.sample.scene import draw_scene  # not at the top: it imports OpenCV

    scenes = (draw_scene(np.random.default_rng(seed), _DRAWN_HW)[0] for seed in _SEEDS)
    return {f"drawing-{number}.jpg": _as_jpeg(scene) for number, scene in enumerate(scenes, 1)}


def _as_jpeg(pixels: Array) -> bytes:
    image, content = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    image.save(content, "JPEG", quality=88)
    return content.getvalue()
