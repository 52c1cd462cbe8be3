"""Forms: COCO writes a mask in three ways, and here they become one."""
from pycocotools import mask as coco_mask


def compressed(segmentation, size_hw):
    """Polygons, counts or compressed counts of a mask -> compressed RLE, as pycocotools reads it. size_hw: of the photo, for polygons."""
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, *size_hw))
    if isinstance(segmentation["counts"], list):
        return coco_mask.frPyObjects(segmentation, *size_hw)
    return segmentation
