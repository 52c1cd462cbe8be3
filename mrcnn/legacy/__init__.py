"""The rest of Matterport's `mrcnn.model`: old names, arguments and box formats on this library."""

from mrcnn.legacy.backbone import BatchNorm, compute_backbone_shapes, conv_block, identity_block
from mrcnn.legacy.batches import DataGenerator, data_generator
from mrcnn.legacy.examples import compose_image_meta, load_image_gt, parse_image_meta
from mrcnn.legacy.images import log, mold_image, unmold_image
from mrcnn.legacy.layers import (
    DetectionLayer,
    DetectionTargetLayer,
    ProposalLayer,
    PyramidROIAlign,
    smooth_l1_loss,
)
from mrcnn.legacy.targets import build_detection_targets, build_rpn_targets, generate_random_rois

__all__ = [
    "BatchNorm",
    "DataGenerator",
    "DetectionLayer",
    "DetectionTargetLayer",
    "ProposalLayer",
    "PyramidROIAlign",
    "build_detection_targets",
    "build_rpn_targets",
    "compose_image_meta",
    "compute_backbone_shapes",
    "conv_block",
    "data_generator",
    "generate_random_rois",
    "identity_block",
    "load_image_gt",
    "log",
    "mold_image",
    "parse_image_meta",
    "smooth_l1_loss",
    "unmold_image",
]
