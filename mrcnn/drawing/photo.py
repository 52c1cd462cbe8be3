"""Photo: whatever a script calls an image, as the (H, W, 3) uint8 RGB that can be drawn on."""

import numpy as np


def as_rgb(image):
    """An image as bytes.

    image: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA, whose transparency is dropped. Integers and floats
        are 0..255 and clipped to that; floats that never exceed 1, and bool, are 0..1
    Returns: (H, W, 3) uint8, a new array.
    """
    image = np.asarray(image)
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels not in (1, 3, 4) or image.size == 0:
        raise ValueError(
            f"An image is (H, W, 3) RGB, or grey, or RGBA. Got shape {image.shape}; show one image at a "
            f"time, its channels last."
        )
    image = image.reshape(*image.shape[:2], channels)[..., :3]
    if image.dtype == bool or (np.issubdtype(image.dtype, np.floating) and image.max() <= 1):
        image = np.multiply(image, 255, dtype=np.float32)
    if image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
    return np.repeat(image, 3, axis=2) if channels == 1 else np.array(image)
