"""Molding: from a photo to network input, and from its detections back to the photo."""

import numpy as np

from mrcnn.data.dataset import as_uint8_image
from mrcnn.data.resize import check_placeable, normalise, placement_for
from mrcnn.ops.pixel_convention import ALIGNED, convention_of_setting


def preprocess(photo, config, convention=None, name="The photo"):
    """A photo of any size -> (image (H, W, 3) float32, normalised; its Placement).

    photo: see `mrcnn.data.dataset.as_uint8_image`, which raises the ValueError for anything else; convention: of the weights, see
    `ops.roi_align`, if it is not the config's; name: what to call the photo in an error.
    """
    photo = as_uint8_image(photo, config.IMAGE_CHANNEL_COUNT, name)
    check_placeable(photo.shape[:2], config, name)
    placement = placement_for(config, photo.shape[:2])
    convention = convention or convention_of_setting(config.ROI_ALIGN)
    image = placement.image(photo, convention.resample)
    return normalise(image, config.MEAN_PIXEL, config.PIXEL_STD), placement


def postprocess(detections, placement, convention=ALIGNED):
    """One image's detections on the canvas -> a result dict on the photo.

    detections: dict of (D, ...) arrays with "boxes" yxyx on the canvas, "valid" and any fields
    convention: of the weights, see `PixelConvention.box_to_image`
    Returns: "rois" (N, 4) int32 and "boxes" (N, 4) float32 yxyx in photo pixels, "image_hw", and every other field cut to its N rows.
    """
    boxes = placement.boxes_to_original(detections["boxes"], convention)
    rois = np.round(boxes).astype(np.int32)
    real = detections["valid"] & (rois[:, 2:] > rois[:, :2]).all(
        axis=1
    )  # whole pixels of a large canvas may be none of a photo
    result = {
        name: column[real].copy()
        for name, column in detections.items()
        if name not in ("valid", "boxes")
    }
    return {
        "rois": rois[real],
        "boxes": boxes[real],
        "image_hw": placement.original_hw,
        "convention": convention.name,
        **result,
    }
