"""What Matterport's `mrcnn.model` holds beside its class MaskRCNN: old names and frames at the door, this library's code inside."""

from mrcnn.legacy.backbone import compute_backbone_shapes, conv_block, identity_block
from mrcnn.legacy.batch_norm import BatchNorm
from mrcnn.legacy.batches import DataGenerator, data_generator
from mrcnn.legacy.examples import load_image_gt
from mrcnn.legacy.image_meta import compose_image_meta, parse_image_meta
from mrcnn.legacy.layers import DetectionLayer, DetectionTargetLayer, ProposalLayer, PyramidROIAlign
from mrcnn.legacy.losses import smooth_l1_loss
from mrcnn.legacy.molding import mold_image, unmold_image
from mrcnn.legacy.printing import log
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
