"""The front door for `from mrcnn import utils`: Matterport's names, leading to where the work is done."""
from mrcnn.data.dataset import Dataset
from mrcnn.data.instance_masks import boxes_of_masks
from mrcnn.inference.pasting import paste

__all__ = ["Dataset", "extract_bboxes", "unmold_mask"]


def extract_bboxes(mask):
    """Matterport's name for `boxes_of_masks`: (H, W, N) -> (N, 4) int32 yxyx."""
    return boxes_of_masks(mask).astype("int32")


def unmold_mask(mask, bbox, image_shape):
    """Matterport's name for `paste`: a small float mask and its box -> (H, W) bool."""
    return paste(mask, bbox, image_shape[:2])
