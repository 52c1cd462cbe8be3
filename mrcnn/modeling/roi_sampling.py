"""RoISamples: the rois that the heads are trained on, and what each of them should have said."""

from keras import ops

from mrcnn.ops import boxes as box_ops
from mrcnn.ops.matching import IGNORE, POSITIVE, match, touches_crowd
from mrcnn.ops.pixel_convention import ALIGNED
from mrcnn.ops.sampling import sample


class RoISamples:
    """R sampled rois of every image, with access to the ground truth of each.

    rois: (B, R, 4) yxyx; label: (B, R) int32 of IGNORE (padding), NEGATIVE, POSITIVE; gt_index: (B, R) int32 into the M objects;
    ground_truth: name -> (B, M, ...), every `gt_*` column of the batch; positives: rows that may be POSITIVE come first.
    convention: how a box is measured and its contents are cut out, see `ops.roi_align`; with "corners" all boxes here are by corner pixels.
    """

    def __init__(self, rois, label, gt_index, ground_truth, positives, convention=ALIGNED):
        self.rois, self.label, self.gt_index = rois, label, gt_index
        self.ground_truth, self.positives, self.convention = ground_truth, positives, convention
        self.is_positive = ops.cast(ops.equal(label, POSITIVE), "float32")
        self.used = ops.cast(ops.not_equal(label, IGNORE), "float32")

    def gather(self, name):
        """Column `name` of the object each roi was matched to: (B, M, ...) -> (B, R, ...). Only POSITIVE rows mean anything."""
        column = self.ground_truth[name]
        index = self.gt_index[(..., *(None,) * (len(column.shape) - 2))]
        return ops.take_along_axis(column, index, axis=1)

    def positive_rows(self):
        """The same, cut to the rows that may be POSITIVE, the others among them IGNORE: what a head needs that learns from objects only."""
        rows = self._first(self.positives)
        label = ops.where(ops.equal(rows.label, POSITIVE), POSITIVE, IGNORE)
        return RoISamples(
            rows.rois, label, rows.gt_index, self.ground_truth, self.positives, self.convention
        )

    def without_trailing_padding(self):
        """The same, cut behind the last POSITIVE row of any image, but for one row: how many stay is known only when a step runs."""
        positives = ops.max(ops.sum(ops.cast(ops.equal(self.label, POSITIVE), "int32"), axis=1))
        return self._first(ops.maximum(positives, 1))

    def _first(self, n):
        return RoISamples(
            self.rois[:, :n],
            self.label[:, :n],
            self.gt_index[:, :n],
            self.ground_truth,
            self.positives,
            self.convention,
        )


def sample_rois(
    proposals,
    valid,
    ground_truth,
    seed,
    *,
    count,
    positives,
    convention=ALIGNED,
    objects_join=True,
):
    """Match proposals and objects, and draw `count` rois, at most `positives` of them on objects (IoU from 0.5 on).

    proposals: (B, P, 4) yxyx; valid: (B, P) bool; ground_truth: gt_class_ids (B, M), gt_boxes (B, M, 4) and any other gt_* column;
    seed: (B,) int32; objects_join: whether the objects' own boxes are among the rois that are drawn from.  Returns: RoISamples.
    """
    gt_boxes, gt_valid = ground_truth["gt_boxes"], ops.greater(ground_truth["gt_class_ids"], 0)
    rois = proposals
    if objects_join:  # early on, no proposal is good enough to teach the heads anything
        rois = ops.concatenate([proposals, gt_boxes], axis=1)
        valid = ops.concatenate([valid, gt_valid], axis=1)
    iou = box_ops.pairwise_iou(rois, gt_boxes)
    on_crowd = touches_crowd(
        iou, box_ops.area(rois), box_ops.area(gt_boxes), ops.less(ground_truth["gt_class_ids"], 0)
    )
    label, gt_index = match(
        iou, gt_valid, negative_below=0.5, positive_from=0.5, keep_best=False, on_crowd=on_crowd
    )
    label = ops.where(valid, label, IGNORE)
    index, drawn = sample(label, seed, count=count, positives=positives)
    rois = ops.stop_gradient(ops.take_along_axis(rois, index[..., None], axis=1))
    return RoISamples(
        rois,
        drawn,
        ops.take_along_axis(gt_index, index, axis=1),
        ground_truth,
        positives,
        convention,
    )
