"""torchvision's Mask R-CNN with the sizes and the start weights of this project's.

Imports neither Keras nor TensorFlow: two frameworks in one process bring two thread pools.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mrcnn.packages import import_package
from mrcnn.typing import Array

BATCH_NORM_EPSILON = 1e-3  # of Keras' and Matterport's ResNet
INSTALL = "torchvision"  # requires torch
_NEEDED_FOR = "torchvision's Mask R-CNN"


def import_torch() -> Any:
    """Imports PyTorch.

    Returns:
        The module `torch`.

    Raises:
        PackageMissing: torch or torchvision is not installed.
    """
    import_package("torchvision", _NEEDED_FOR, INSTALL)
    return import_package("torch", _NEEDED_FOR, INSTALL)


def build(config: Any) -> Any:
    """Builds torchvision's Mask R-CNN on a ResNet-50 pyramid with the numbers of a config.

    Args:
        config: Sizes, numbers of proposals, RoIs and detections. `image_hw` (height, width) is the
            network input.

    Returns:
        A `torchvision.models.detection.MaskRCNN`, BatchNorm frozen, nothing pretrained.
    """
    import_torch()
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import MultiScaleRoIAlign

    backbone = resnet_fpn_backbone(
        backbone_name="resnet50", weights=None, trainable_layers=5
    )  # BatchNorm frozen, as ours is
    size, levels = config.IMAGE_MAX_DIM, ["0", "1", "2", "3"]
    pools = {
        name: MultiScaleRoIAlign(levels, pool, max(1, 14 // pool))  # as many points as ours reads
        for name, pool in (
            ("box_roi_pool", config.POOL_SIZE),
            ("mask_roi_pool", config.MASK_POOL_SIZE),
        )
    }
    return MaskRCNN(
        backbone,
        config.NUM_CLASSES,
        min_size=size,
        max_size=size,
        box_score_thresh=0.0,
        rpn_pre_nms_top_n_train=config.PRE_NMS_LIMIT,
        rpn_pre_nms_top_n_test=config.PRE_NMS_LIMIT,
        rpn_post_nms_top_n_train=config.POST_NMS_ROIS_TRAINING,
        rpn_post_nms_top_n_test=config.POST_NMS_ROIS_INFERENCE,
        rpn_batch_size_per_image=config.RPN_TRAIN_ANCHORS_PER_IMAGE,
        box_nms_thresh=config.DETECTION_NMS_THRESHOLD,
        box_batch_size_per_image=config.TRAIN_ROIS_PER_IMAGE,
        box_positive_fraction=config.ROI_POSITIVE_RATIO,
        box_detections_per_img=config.DETECTION_MAX_INSTANCES,
        **pools,
    )


def heads_only(model: Any, images: list[Any]) -> list[dict[str, Any]]:
    """Detects without pasting the masks, as our prediction does.

    Args:
        model: Result of `build`, in evaluation mode.
        images: Tensors `(3, H, W)`.

    Returns:
        torchvision's detections of each image, masks of 28 x 28.
    """
    batch, _ = model.transform(images)
    features = model.backbone(batch.tensors)
    proposals, _ = model.rpn(batch, features)
    return model.roi_heads(features, proposals, batch.image_sizes)[0]


def pretrained(model: Any, arrays: Mapping[str, Array] | None) -> Any:
    """Makes the network read what our loader makes, and loads Keras' weights into its body.

    Args:
        model: Result of `build`; changed.
        arrays: Weights of Keras' ResNet-50 for RGB pixels, by `<layer>/<weight>`; None leaves the
            initial ones.

    Returns:
        The model.
    """
    torch = import_torch()
    from torchvision.ops import FrozenBatchNorm2d

    body = model.backbone.body
    for module in body.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = BATCH_NORM_EPSILON
        if hasattr(module, "downsample") and module.conv2.stride == (2, 2):
            module.conv1.stride, module.conv2.stride = (2, 2), (1, 1)
    if arrays is not None:
        tensors = {name: torch.from_numpy(value) for name, value in converted(arrays).items()}
        body.load_state_dict(tensors, strict=True)
    # Our loader normalizes, and makes every image as large as the input.
    model.transform.image_mean, model.transform.image_std = [0.0] * 3, [1.0] * 3
    return model


def converted(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Renames the weights of Keras' ResNet-50 to those of torchvision.

    Args:
        arrays: `<layer>/<weight>`, layers named as Matterport's: res2a_branch2a, bn2a_branch2a.

    Returns:
        The state of torchvision's body with frozen BatchNorm: kernels `(out, in, h, w)`. The bias
        of a convolution, which torchvision's has not, is taken from the mean of its BatchNorm.
    """
    names = {"conv1": "conv1", "bn_conv1": "bn1"}
    branches = {"2a": "1", "2b": "2", "2c": "3"}
    for stage, blocks in enumerate((3, 4, 6, 3), start=2):
        for block in range(blocks):
            ours, theirs = f"{stage}{'abcdef'[block]}_branch", f"layer{stage - 1}.{block}"
            for branch, number in branches.items():
                names[f"res{ours}{branch}"] = f"{theirs}.conv{number}"
                names[f"bn{ours}{branch}"] = f"{theirs}.bn{number}"
        ours, theirs = f"{stage}a_branch1", f"layer{stage - 1}.0.downsample"
        names |= {f"res{ours}": f"{theirs}.0", f"bn{ours}": f"{theirs}.1"}
    state = {}
    for ours, theirs in names.items():
        if ours.startswith("bn"):
            conv = "conv1" if ours == "bn_conv1" else ours.replace("bn", "res", 1)
            bias = np.asarray(arrays[f"{conv}/bias"], np.float32)
            state[f"{theirs}.weight"] = np.asarray(arrays[f"{ours}/gamma"], np.float32)
            state[f"{theirs}.bias"] = np.asarray(arrays[f"{ours}/beta"], np.float32)
            state[f"{theirs}.running_mean"] = arrays[f"{ours}/moving_mean"] - bias
            state[f"{theirs}.running_var"] = np.asarray(arrays[f"{ours}/moving_variance"])
        else:
            kernel = np.asarray(arrays[f"{ours}/kernel"], np.float32)
            state[f"{theirs}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    return state
