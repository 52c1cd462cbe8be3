"""The door `mrcnn.utils`: Matterport's names lead to the right rooms."""
import numpy as np

from mrcnn import utils
from mrcnn.data.dataset import Dataset


def test_dataset_is_ours():
    assert utils.Dataset is Dataset


def test_boxes_of_masks_are_whole_numbers_and_end_outside():
    masks = np.zeros((10, 12, 2), np.uint8)
    masks[2:5, 3:9, 0] = 1
    boxes = utils.extract_bboxes(masks.astype(bool))
    assert boxes.tolist() == [[2, 3, 5, 9], [0, 0, 0, 0]] and boxes.dtype == np.int32


def test_a_small_mask_fills_its_box():
    mask = utils.unmold_mask(np.ones((28, 28), np.float32), np.array([1, 2, 4, 7]), (10, 12, 3))
    assert mask.shape == (10, 12) and mask.dtype == bool and mask.sum() == 15 and mask[1:4, 2:7].all()
