"""Candidates: the boxes that a classifier of garments is trained on, and what each of them shows."""

import numpy as np
from pycocotools import mask as coco_mask

MATCHED = 0.5  # IoU from which on a box shows an object
APART = 0.4  # IoU below which it shows none; between the two it is neither one thing nor the other
CLEARLY = 0.1  # by how much the IoU with an object must exceed that with objects of other classes


def labels_of_boxes(found, boxes, class_ids, said=None):
    """What detections show: (F,) int64, the class of the object that each overlaps most, 0 for none, -1 where it is undecided.

    found: (F, 4) yxyx; boxes: (M, 4) yxyx, of the objects; class_ids: (M,), of crowds negative: what lies in a crowd is undecided
    said: (F,), the detections' own classes: a box that two objects share, a jacket and the shirt below, shows the one of its class. Without
        them it is undecided where the two overlap it nearly alike.
    """
    if not len(found) or not len(boxes):
        return np.zeros(len(found), np.int64)
    class_ids = np.asarray(class_ids, np.int64)
    overlaps = coco_mask.iou(_xywh(found), _xywh(boxes), (class_ids < 0).tolist())
    best, most = class_ids[overlaps.argmax(axis=1)], overlaps.max(axis=1)
    if said is None:
        rest = np.where(class_ids == best[:, None], 0, overlaps).max(axis=1)
        best = np.where((rest >= MATCHED) & (most - rest < CLEARLY), -1, best)
    else:
        own = np.where(class_ids == np.asarray(said)[:, None], overlaps, 0).max(axis=1)
        best = np.where(own >= MATCHED, said, best)
    return np.where(most >= MATCHED, np.maximum(best, -1), np.where(most < APART, 0, -1))


def candidates(found, boxes, class_ids):
    """Boxes (C, 4) float64 yxyx and labels (C,) int64 of a photo: its objects, and what a detector found in it, as far as it is decided.

    Detections that lie on nothing are what the detector takes for garments, and so the examples of the background that teach most.
    found: (F, 4); boxes: (M, 4); class_ids: (M,), see `labels_of_boxes`
    """
    found, boxes = (np.asarray(some, np.float64).reshape(-1, 4) for some in (found, boxes))
    class_ids, labels = np.asarray(class_ids, np.int64), labels_of_boxes(found, boxes, class_ids)
    own, decided = (class_ids > 0) & (boxes[:, 2] > boxes[:, 0]), labels >= 0
    return np.concatenate([boxes[own], found[decided]]), np.concatenate(
        [class_ids[own], labels[decided]]
    )


def _xywh(boxes):
    y1, x1, y2, x2 = np.asarray(boxes, np.float64).T
    return np.stack(
        [x1, y1, x2 - x1, y2 - y1], axis=1, out=np.empty((len(x1), 4))
    )  # pycocotools reads rows, whatever the array says
