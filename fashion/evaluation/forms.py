"""Forms: COCO writes a mask in three ways, and here they become one."""

from mrcnn.data.masks.coco_rle import as_rle


def compressed(segmentation, size_hw):
    """Polygons, counts or compressed counts of a mask -> compressed RLE, as pycocotools reads it.

    size_hw: of the photo, for polygons. What is compressed comes back as it is; the rest is checked, see `as_rle`.
    """
    if isinstance(segmentation, dict) and isinstance(segmentation.get("counts"), (str, bytes)):
        return segmentation
    return as_rle(segmentation, size_hw, "A mask")
