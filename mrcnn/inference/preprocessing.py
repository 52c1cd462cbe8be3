"""Preprocessing: from an original image to the network input; and its inverse for detections."""

from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.dataset import as_uint8_image
from mrcnn.data.resize import Placement, check_placeable, normalise, placement_for
from mrcnn.ops.pixel_convention import ALIGNED, PixelConvention, convention_of_setting
from mrcnn.typing import Array, Arrays, Size

__all__ = ["has_pixels", "network_input", "place", "postprocess", "preprocess", "result_of"]


def preprocess(
    photo: Any, config: Config, convention: PixelConvention | None = None, name: str = "The photo"
) -> tuple[Array, Placement]:
    """Resizes and normalises an image of any size.

    Args:
        photo: See `mrcnn.data.dataset.as_uint8_image`.
        config: Says how large the input is, and how pixels are normalised.
        convention: Of the weights, if it is not the config's.
        name: What to call the image in an error.

    Returns:
        The network input `(H, W, 3)` float32, and where the image lies in it.

    Raises:
        ValueError: `photo` is not an image, or the config's resize mode cannot take its size.
    """
    image, placement = place(photo, config, convention, name)
    return normalise(image, config.MEAN_PIXEL, config.PIXEL_STD), placement


def place(
    photo: Any, config: Config, convention: PixelConvention | None = None, name: str = "The photo"
) -> tuple[Array, Placement]:
    """Resizes an image of any size, and leaves its pixels as they are.

    Args:
        photo: As of `preprocess`.
        config: As of `preprocess`.
        convention: As of `preprocess`.
        name: As of `preprocess`.

    Returns:
        The network input `(H, W, 3)` uint8, and where the image lies in it.

    Raises:
        ValueError: As of `preprocess`.
    """
    photo = as_uint8_image(photo, config.IMAGE_CHANNEL_COUNT, name)
    check_placeable(photo.shape[:2], config, name)
    placement = placement_for(config, photo.shape[:2])
    convention = convention or convention_of_setting(config.ROI_ALIGN)
    return placement.image(photo, convention.resample), placement


def network_input(
    photo: Array, placement: Placement, config: Config, convention: PixelConvention
) -> Array:
    """Shows an image where a placement says.

    Args:
        photo: `(h, w, 3)` uint8, checked.
        placement: Where the image lies in the network input.
        config: Says how pixels are normalised.
        convention: Of the weights.

    Returns:
        The network input `(H, W, 3)` float32.
    """
    image = placement.image(photo, convention.resample)
    return normalise(image, config.MEAN_PIXEL, config.PIXEL_STD)


def postprocess(
    detections: Arrays, placement: Placement, convention: PixelConvention = ALIGNED
) -> dict[str, Any]:
    """Moves the detections of one image back to the original image.

    Args:
        detections: Arrays `(D, ...)`: "boxes" yxyx in the network input, "valid", and any fields.
        placement: Where the image lies in the network input.
        convention: Of the weights.

    Returns:
        "rois" `(N, 4)` int32 and "boxes" `(N, 4)` float32, yxyx, in pixels of the original image;
        "image_hw", its size; "convention", the name; every other field cut to its N rows.
    """
    boxes = placement.boxes_to_original(detections["boxes"], convention)
    return result_of({**detections, "boxes": boxes}, placement.original_hw, convention)


def has_pixels(boxes: Array) -> Array:
    """Returns which boxes have a pixel once they are rounded.

    Args:
        boxes: `(D, 4)` yxyx, pixels of the original image. A box of some pixels of a large network
            input may be less than a pixel there.

    Returns:
        `(D,)` bool.
    """
    rois = np.round(boxes).astype(np.int32)
    return np.all(rois[:, 2:] > rois[:, :2], axis=1)


def result_of(detections: Arrays, image_hw: Size, convention: PixelConvention) -> dict[str, Any]:
    """Makes the result of an image.

    Args:
        detections: As of `postprocess`, with "boxes" in pixels of the original image.
        image_hw: Height and width of the original image.
        convention: Of the weights.

    Returns:
        See `postprocess`.
    """
    boxes = detections["boxes"]
    kept = detections["valid"] & has_pixels(boxes)
    result = {
        "rois": np.round(boxes[kept]).astype(np.int32),
        "boxes": boxes[kept],
        "image_hw": image_hw,
        "convention": convention.name,
    }
    for name, column in detections.items():
        if name not in ("valid", "boxes"):
            result[name] = column[kept].copy()
    return result
