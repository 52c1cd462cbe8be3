"""Molding: from a photo to network input, and from its detections back to the photo."""
import numpy as np

from mrcnn.data.resize import normalise, place_for, resampling_for


def mold(photo, config, name="The photo"):
    """A photo of any size -> (image (H, W, 3) float32, normalised; its Placement).

    photo: (h, w, 3) uint8 RGB, or as many channels as IMAGE_CHANNEL_COUNT says; name: what to call it in the ValueError that is
    raised for anything else.
    """
    if getattr(photo, "ndim", 0) != 3 or photo.shape[2] != config.IMAGE_CHANNEL_COUNT or photo.dtype != np.uint8:
        raise ValueError(f"{name} must be an array (height, width, {config.IMAGE_CHANNEL_COUNT}) of uint8, RGB. Got "
                         f"{getattr(photo, 'dtype', type(photo))} {getattr(photo, 'shape', '')}; PIL's Image.convert('RGB') makes one.")
    placement = place_for(config, photo.shape[:2])
    return normalise(placement.image(photo, resampling_for(config)), config.MEAN_PIXEL, config.PIXEL_STD), placement


def unmold(detections, placement, inclusive=False):
    """One image's detections on the canvas -> a result dict on the photo.

    inclusive: lay corner pixels on each other, as Matterport does, see `Placement.boxes_to_photo`

    detections: dict of (D, ...) arrays with "boxes" yxyx on the canvas, "valid" and any fields
    Returns: "rois" (N, 4) int32 and "boxes" (N, 4) float32 yxyx in photo pixels, "image_hw", and every other field cut to its N rows.
    """
    real = detections["valid"]
    result = {name: column[real].copy() for name, column in detections.items() if name not in ("valid", "boxes")}
    boxes = placement.boxes_to_photo(detections["boxes"][real], inclusive)
    return {"rois": np.round(boxes).astype(np.int32), "boxes": boxes, "image_hw": placement.photo_hw, **result}
