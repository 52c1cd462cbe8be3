"""Image meta: what Matterport tells its network about an image, written into one row of numbers."""

import numpy as np

# Columns of a row; the classes take what is left.
FIELDS = {
    "image_id": 0,
    "original_image_shape": slice(1, 4),
    "image_shape": slice(4, 7),
    "window": slice(7, 11),
    "scale": 11,
    "active_class_ids": slice(12, None),
}


def compose_image_meta(
    image_id, original_image_shape, image_shape, window, scale, active_class_ids
):
    """One row, (12 + K,) float64.

    image_id: int; original_image_shape: (height, width, channels) of the photo; image_shape: of the network input; window: (4,) yxyx,
    where the photo lies in the input, pixels; scale: from photo to input; active_class_ids: (K,), 1 for the classes that the image's
    source labels, else 0
    """
    return np.array(
        [image_id, *original_image_shape, *image_shape, *window, scale, *active_class_ids],
        np.float64,
    )


def parse_image_meta(meta):
    """The way back: rows (..., 12 + K) -> the arguments of `compose_image_meta` by name, (..., n); scale float32, all else int32."""
    meta = np.asarray(meta)
    return {
        name: meta[..., columns].astype(np.float32 if name == "scale" else np.int32)
        for name, columns in FIELDS.items()
    }
