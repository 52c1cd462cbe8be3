"""Paint: a mask or a box put straight into the pixels of an array, which is changed."""

import numpy as np

from mrcnn.drawing.colors import as_uint8

BOX_STROKE = 2  # pixels, Matterport's


def apply_mask(image, mask, color, alpha=0.5):
    """Mixes a colour into the pixels of a mask; Matterport's signature.

    image: (H, W, 3) RGB 0..255 of any type, changed in place
    mask: (H, W) bool, 0/1, or 0..1, which covers a pixel from 0.5 on
    color: (r, g, b), floats 0..1 or integers 0..255; alpha: the colour's part of the mixture, 0..1
    Returns: `image`.
    """
    mask = np.asarray(mask)
    if mask.shape != image.shape[:2]:
        raise ValueError(
            f"A mask has the height and width of its image. Got a mask {mask.shape} and an image {image.shape}; "
            f"of (H, W, N) masks, pass masks[:, :, i]."
        )
    covered = mask if mask.dtype == bool else mask >= 0.5
    image[covered] = image[covered] * (1 - alpha) + alpha * as_uint8([color])[0].astype(np.float64)
    return image


def draw_box(image, box, color):
    """Draws the edges of a box, two pixels wide; Matterport's signature.

    image: (H, W, 3), changed in place; box: (4,) yxyx, pixels; what lies outside the image is left out
    color: three numbers on the image's own scale, 0..255 for uint8
    Returns: `image`.
    """
    limits = np.array([*image.shape[:2]] * 2)
    y1, x1, y2, x2 = (int(v) for v in np.clip(np.round(box), 0, limits))
    if y2 > y1 and x2 > x1:
        inner = np.s_[
            y1 + BOX_STROKE : max(y2 - BOX_STROKE, y1 + BOX_STROKE),
            x1 + BOX_STROKE : max(x2 - BOX_STROKE, x1 + BOX_STROKE),
        ]
        kept = image[inner].copy()
        image[y1:y2, x1:x2] = color
        image[inner] = kept
    return image
