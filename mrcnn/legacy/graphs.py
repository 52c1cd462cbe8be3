"""Gone: Matterport's functions that built pieces of a TF1 graph. Each name says what to use now."""

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
    "trim_zeros_graph": "In a graph no row is taken out: a mask travels with the rows and says which are real.",
    "batch_pack_graph": "No row is taken out: a mask travels with the rows, and means are taken over those that are real.",
    "norm_boxes_graph": "It is NumPy; of a tensor, subtract (0, 0, 1, 1) and divide by the height and width less 1.",
    "denorm_boxes_graph": "It is NumPy; multiply a tensor by the height and width less 1 and add (0, 0, 1, 1).",
}
__all__ = list(REPLACEMENTS)


def _gone(name):
    message = " ".join(
        [
            f"{name} built a piece of a TF1 graph and is gone. Use {REPLACEMENTS[name]}.",
            *filter(None, [ADVICE.get(name)]),
        ]
    )

    def raises(*args, **kwargs):
        raise NotImplementedError(message)

    raises.__name__ = raises.__qualname__ = name
    raises.__doc__ = message
    return raises


globals().update({name: _gone(name) for name in REPLACEMENTS})
