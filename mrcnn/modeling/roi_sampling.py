"""RoIs sampled for training the heads, with their matched ground truth.

Shapes: B images, P proposals, R sampled RoIs, M padded ground-truth objects.
"""

from dataclasses import dataclass

from keras import ops

from mrcnn.ops import boxes as box_ops
from mrcnn.ops.matching import IGNORE, POSITIVE, match, touches_crowd
from mrcnn.ops.pixel_convention import ALIGNED, PixelConvention
from mrcnn.ops.sampling import sample
from mrcnn.typing import Tensor, Tensors

# A RoI is positive from this IoU with an object on, else negative (Fast R-CNN, section 2.3).
POSITIVE_FROM_IOU = 0.5


@dataclass(frozen=True)
class RoISamplingSettings:
    """How many RoIs the heads are trained on.

    Attributes:
        num_samples: RoIs sampled for each image.
        max_positives: How many of them may lie on objects.
        cascade_ious: IoU with an object from which a RoI of the second and of each further stage
            of a cascade is positive.
    """

    # Matterport's numbers: a third of 200 RoIs may be positive. Detectron2 has a quarter of 512.
    num_samples: int = 200
    max_positives: int = 66
    cascade_ious: tuple[float, ...] = (0.6, 0.7)


class RoISamples:
    """R sampled RoIs of every image, with access to the ground truth of each.

    Args:
        rois: `(B, R, 4)` float32, yxyx, as `convention` measures them.
        label: `(B, R)` int32 of IGNORE (padding), NEGATIVE, POSITIVE. Rows that may be POSITIVE
            come first.
        gt_index: `(B, R)` int32 into the M objects.
        ground_truth: Every `gt_*` column of the batch, `(B, M, ...)`; boxes measured as `rois`.
        max_positives: Number of rows that may be POSITIVE.
        convention: How boxes are measured and masks are cropped.

    Attributes:
        is_positive: `(B, R)` float32, 1 on POSITIVE rows.
        valid: `(B, R)` float32, 0 on rows of padding.
    """

    def __init__(
        self,
        rois: Tensor,
        label: Tensor,
        gt_index: Tensor,
        ground_truth: Tensors,
        max_positives: int,
        convention: PixelConvention = ALIGNED,
    ) -> None:
        self.rois, self.label, self.gt_index = rois, label, gt_index
        self.ground_truth, self.max_positives = ground_truth, max_positives
        self.convention = convention
        self.is_positive = ops.cast(ops.equal(label, POSITIVE), "float32")
        self.valid = ops.cast(ops.not_equal(label, IGNORE), "float32")

    def gather(self, name: str) -> Tensor:
        """Gathers a column of the object that each RoI was matched to.

        Args:
            name: Of the column, for instance "gt_class_ids".

        Returns:
            `(B, R, ...)`, meaningful on POSITIVE rows only.
        """
        column = self.ground_truth[name]
        index = self.gt_index[(..., *(None,) * (len(column.shape) - 2))]
        return ops.take_along_axis(column, index, axis=1)

    def positive_rows(self) -> "RoISamples":
        """Keeps the rows that may be POSITIVE, for heads that are trained on objects only.

        Returns:
            `max_positives` rows; those that are not POSITIVE are IGNORE.
        """
        rows = self._first(self.max_positives)
        label = ops.where(ops.equal(rows.label, POSITIVE), POSITIVE, IGNORE)
        return self._with(rows.rois, label, rows.gt_index)

    def without_trailing_padding(self) -> "RoISamples":
        """Drops the rows behind the last POSITIVE one of any image.

        Returns:
            One row at least. How many is only known when a step runs, so XLA cannot compile it.
        """
        positives = ops.max(ops.sum(ops.cast(ops.equal(self.label, POSITIVE), "int32"), axis=1))
        return self._first(ops.maximum(positives, 1))

    def _first(self, n):
        return self._with(self.rois[:, :n], self.label[:, :n], self.gt_index[:, :n])

    def _with(self, rois, label, gt_index):
        return RoISamples(
            rois, label, gt_index, self.ground_truth, self.max_positives, self.convention
        )


def sample_rois(
    proposals: Tensor,
    valid: Tensor,
    ground_truth: Tensors,
    seed: Tensor,
    *,
    num_samples: int,
    max_positives: int,
    convention: PixelConvention = ALIGNED,
    append_gt_boxes: bool = True,
    positive_from_iou: float = POSITIVE_FROM_IOU,
) -> RoISamples:
    """Matches proposals with objects and samples RoIs for training the heads.

    Args:
        proposals: `(B, P, 4)` float32, yxyx, as `convention` measures them.
        valid: `(B, P)` bool.
        ground_truth: "gt_class_ids" `(B, M)` int32, 0 for padding and negative for crowds,
            "gt_boxes" `(B, M, 4)` float32, measured as the proposals, and any other `gt_*` column.
        seed: `(B,)` int32, makes the sample a function of the batch.
        num_samples: RoIs sampled for each image.
        max_positives: How many of them may lie on objects.
        convention: Of all boxes.
        append_gt_boxes: Whether the boxes of objects join the proposals.
        positive_from_iou: A RoI is positive from this IoU with an object on, else negative.

    Returns:
        The sampled RoIs.
    """
    gt_boxes, gt_valid = ground_truth["gt_boxes"], ops.greater(ground_truth["gt_class_ids"], 0)
    rois = proposals
    if append_gt_boxes:
        # Early on, no proposal overlaps any object enough to train the heads.
        rois = ops.concatenate([proposals, gt_boxes], axis=1)
        valid = ops.concatenate([valid, gt_valid], axis=1)
    iou = box_ops.pairwise_iou(rois, gt_boxes)
    # A RoI on a crowd is neither object nor background: its objects are not annotated.
    is_crowd = ops.less(ground_truth["gt_class_ids"], 0)
    label, gt_index = match(
        iou,
        gt_valid,
        negative_below=positive_from_iou,
        positive_from=positive_from_iou,
        allow_low_quality_matches=False,
        on_crowd=touches_crowd(iou, box_ops.area(rois), box_ops.area(gt_boxes), is_crowd),
    )
    label = ops.where(valid, label, IGNORE)
    index, label = sample(label, seed, num_samples=num_samples, max_positives=max_positives)
    # Boxes are inputs of the heads, not outputs to be trained through them (Faster R-CNN, 3.2).
    rois = ops.stop_gradient(ops.take_along_axis(rois, index[..., None], axis=1))
    gt_index = ops.take_along_axis(gt_index, index, axis=1)
    return RoISamples(rois, label, gt_index, ground_truth, max_positives, convention)
