"""Rois to train on, chosen as Matterport does: a share of them on objects, and the objects' own boxes are not among them."""

from keras import ops

from mrcnn.modeling.samples import Samples, draw_samples


def sample_rois(rois, ground_truth, seed, config, convention):
    """Draw TRAIN_ROIS_PER_IMAGE of the rois, at most ROI_POSITIVE_RATIO of them on objects (IoU from 0.5 on).

    rois: (B, P, 4) yxyx, rows of zeros are padding; ground_truth: "gt_class_ids" (B, M), negative for crowds and 0 for padding,
    "gt_boxes" (B, M, 4) in the frame of the rois, and what else `Samples.gather` should reach; seed: (B,) int32
    convention: how those boxes are measured, see `mrcnn.ops.roi_align`
    Returns: Samples with the positive rois first, then the negative ones, then padding. Negative rois also fill the places that
    positive ones leave free.
    """
    count = config.TRAIN_ROIS_PER_IMAGE
    rois = ops.pad(rois, [[0, 0], [0, max(0, count - rois.shape[1])], [0, 0]])
    drawn = draw_samples(
        rois,
        ops.any(ops.not_equal(rois, 0.0), axis=-1),
        ground_truth,
        seed,
        count=count,
        positives=config.positive_rois,
        convention=convention,
        objects_join=False,
    )
    order = _best_label_first(drawn.label)
    rois, label, gt_index = (
        ops.take_along_axis(rows, order[..., None] if len(rows.shape) == 3 else order, axis=1)
        for rows in (drawn.rois, drawn.label, drawn.gt_index)
    )
    return Samples(rois, label, gt_index, ground_truth, drawn.positives, convention)


def _best_label_first(label):
    """Positions (B, N) int32 that sort (B, N) labels from POSITIVE to IGNORE and leave equal ones in their order."""
    count = label.shape[1]
    rank = label * count - ops.arange(count, dtype="int32")
    return ops.cast(ops.top_k(ops.cast(rank, "float32"), count)[1], "int32")
