"""Matterport's functions that built parts of a TF1 graph, now removed.

Each can still be imported; a call raises NotImplementedError and names the replacement.
"""

from collections.abc import Callable
from typing import NoReturn

REPLACEMENTS = {
    "resnet_graph": "mrcnn.modeling.backbones.resnet.resnet",
    "apply_box_deltas_graph": "mrcnn.ops.boxes.decode",
    "clip_boxes_graph": "mrcnn.ops.boxes.clip",
    "log2_graph": "keras.ops.log2",
    "overlaps_graph": "mrcnn.ops.boxes.pairwise_iou",
    "detection_targets_graph": "mrcnn.modeling.roi_sampling.sample_rois",
    "refine_detections_graph": "mrcnn.modeling.detections.select_detections",
    "rpn_graph": "mrcnn.modeling.rpn.RPNHead",
    "build_rpn_model": "mrcnn.modeling.rpn.RPNHead",
    "fpn_classifier_graph": "mrcnn.modeling.box_head.BoxHead",
    "build_fpn_mask_graph": "mrcnn.modeling.mask_head.MaskHead",
    "rpn_class_loss_graph": "mrcnn.modeling.rpn.rpn_losses",
    "rpn_bbox_loss_graph": "mrcnn.modeling.rpn.rpn_losses",
    "mrcnn_class_loss_graph": "mrcnn.modeling.box_head.BoxHead.compute_losses",
    "mrcnn_bbox_loss_graph": "mrcnn.modeling.box_head.BoxHead.compute_losses",
    "mrcnn_mask_loss_graph": "mrcnn.modeling.mask_head.MaskHead.compute_losses",
    "parse_image_meta_graph": "mrcnn.legacy.examples.parse_image_meta",
    "trim_zeros_graph": "mrcnn.utils.trim_zeros",
    "batch_pack_graph": "mrcnn.ops.losses.masked_mean",
    "norm_boxes_graph": "mrcnn.ops.pixel_convention.to_unit",
    "denorm_boxes_graph": "mrcnn.ops.pixel_convention.from_unit",
}
# Where the replacement is not called in the same way.
ADVICE = {
    "parse_image_meta_graph": "Tensors are cut with the columns of mrcnn.legacy.examples.FIELDS.",
    "trim_zeros_graph": "In a graph rows are not removed: a mask `valid` marks the padding.",
    "batch_pack_graph": "Rows are not removed: means are taken over those that a mask marks.",
    "norm_boxes_graph": (
        "It takes arrays. For a tensor, subtract (0, 0, 1, 1) and divide by the height and width "
        "less 1."
    ),
    "denorm_boxes_graph": (
        "It takes arrays. For a tensor, multiply by the height and width less 1 and add "
        "(0, 0, 1, 1)."
    ),
}


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """Makes the function that reports its replacement, for a name of `REPLACEMENTS`."""
    if name not in REPLACEMENTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    message = f"{name} built a part of a TF1 graph and was removed. Use {REPLACEMENTS[name]}."
    if name in ADVICE:
        message += f" {ADVICE[name]}"

    def removed(*args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError(message)

    removed.__name__ = removed.__qualname__ = name
    removed.__doc__ = message
    return removed
