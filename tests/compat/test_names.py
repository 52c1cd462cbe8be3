"""Every public name of Matterport's modules is there, its arguments under their names and in their
order."""

import functools
import importlib
import inspect

import numpy as np
import pytest

# What each takes; arguments of our own come after these and may be left out.
NAMES = {
    "mrcnn.model": {
        "log": "text array",
        "compute_backbone_shapes": "config image_shape",
        "identity_block": "input_tensor kernel_size filters stage block use_bias train_bn",
        "conv_block": "input_tensor kernel_size filters stage block strides use_bias train_bn",
        "smooth_l1_loss": "y_true y_pred",
        "load_image_gt": "dataset config image_id augment augmentation use_mini_mask",
        "build_detection_targets": "rpn_rois gt_class_ids gt_boxes gt_masks config",
        "build_rpn_targets": "image_shape anchors gt_class_ids gt_boxes config",
        "generate_random_rois": "image_shape count gt_class_ids gt_boxes",
        "data_generator": (
            "dataset config shuffle augment augmentation random_rois batch_size "
            "detection_targets no_augmentation_sources"
        ),
        "DataGenerator": "dataset config shuffle augmentation random_rois detection_targets",
        "compose_image_meta": (
            "image_id original_image_shape image_shape window scale active_class_ids"
        ),
        "parse_image_meta": "meta",
        "mold_image": "images config",
        "unmold_image": "normalized_images config",
        "BatchNorm": "",
        "ProposalLayer": "proposal_count nms_threshold config",
        "PyramidROIAlign": "pool_shape",
        "DetectionTargetLayer": "config",
        "DetectionLayer": "config",
        "MaskRCNN": "mode config model_dir",
        "MaskRCNN.build": "mode config",
        "MaskRCNN.find_last": "",
        "MaskRCNN.load_weights": "filepath by_name exclude",
        "MaskRCNN.get_imagenet_weights": "",
        "MaskRCNN.compile": "learning_rate momentum",
        "MaskRCNN.set_trainable": "layer_regex keras_model indent verbose",
        "MaskRCNN.set_log_dir": "model_path",
        "MaskRCNN.train": (
            "train_dataset val_dataset learning_rate epochs layers augmentation "
            "custom_callbacks no_augmentation_sources"
        ),
        "MaskRCNN.mold_inputs": "images",
        "MaskRCNN.unmold_detections": (
            "detections mrcnn_mask original_image_shape image_shape window"
        ),
        "MaskRCNN.detect": "images verbose",
        "MaskRCNN.detect_molded": "molded_images image_metas verbose",
        "MaskRCNN.get_anchors": "image_shape",
        "MaskRCNN.ancestor": "tensor name checked",
        "MaskRCNN.find_trainable_layer": "layer",
        "MaskRCNN.get_trainable_layers": "",
        "MaskRCNN.run_graph": "images outputs image_metas",
    },
    "mrcnn.utils": {
        "extract_bboxes": "mask",
        "compute_iou": "box boxes box_area boxes_area",
        "compute_overlaps": "boxes1 boxes2",
        "compute_overlaps_masks": "masks1 masks2",
        "non_max_suppression": "boxes scores threshold",
        "apply_box_deltas": "boxes deltas",
        "box_refinement_graph": "box gt_box",
        "box_refinement": "box gt_box",
        "resize_image": "image min_dim max_dim min_scale mode",
        "resize_mask": "mask scale padding crop",
        "minimize_mask": "bbox mask mini_shape",
        "expand_mask": "bbox mini_mask image_shape",
        "mold_mask": "mask config",
        "unmold_mask": "mask bbox image_shape",
        "generate_anchors": "scales ratios shape feature_stride anchor_stride",
        "generate_pyramid_anchors": "scales ratios feature_shapes feature_strides anchor_stride",
        "trim_zeros": "x",
        "compute_matches": (
            "gt_boxes gt_class_ids gt_masks pred_boxes pred_class_ids pred_scores "
            "pred_masks iou_threshold score_threshold"
        ),
        "compute_ap": (
            "gt_boxes gt_class_ids gt_masks pred_boxes pred_class_ids pred_scores "
            "pred_masks iou_threshold"
        ),
        "compute_ap_range": (
            "gt_box gt_class_id gt_mask pred_box pred_class_id pred_score pred_mask "
            "iou_thresholds verbose"
        ),
        "compute_recall": "pred_boxes gt_boxes iou",
        "batch_slice": "inputs graph_fn batch_size names",
        "download_trained_weights": "coco_model_path verbose",
        "norm_boxes": "boxes shape",
        "denorm_boxes": "boxes shape",
        "resize": (
            "image output_shape order mode cval clip preserve_range anti_aliasing "
            "anti_aliasing_sigma"
        ),
        "Dataset": "class_map",
        "Dataset.add_class": "source class_id class_name",
        "Dataset.add_image": "source image_id path",
        "Dataset.image_reference": "image_id",
        "Dataset.prepare": "class_map",
        "Dataset.map_source_class_id": "source_class_id",
        "Dataset.get_source_class_id": "class_id source",
        "Dataset.source_image_link": "image_id",
        "Dataset.load_image": "image_id",
        "Dataset.load_mask": "image_id",
    },
    "mrcnn.visualize": {
        "display_images": "images titles cols cmap norm interpolation",
        "random_colors": "N bright",
        "apply_mask": "image mask color alpha",
        "display_instances": (
            "image boxes masks class_ids class_names scores title figsize ax "
            "show_mask show_bbox colors captions"
        ),
        "display_differences": "image gt_box gt_class_id gt_mask pred_box pred_class_id pred_score "
        "pred_mask class_names title ax show_mask show_box "
        "iou_threshold score_threshold",
        "draw_rois": "image rois refined_rois mask class_ids class_names limit",
        "draw_box": "image box color",
        "display_top_masks": "image mask class_ids class_names limit",
        "plot_precision_recall": "AP precisions recalls",
        "plot_overlaps": "gt_class_ids pred_class_ids pred_scores overlaps class_names threshold",
        "draw_boxes": "image boxes refined_boxes masks captions visibilities title ax",
        "display_table": "table",
        "display_weight_stats": "model",
    },
    "mrcnn.config": {"Config": "", "Config.display": "", "Config.to_dict": ""},
    "mrcnn.parallel_model": {"ParallelModel": "keras_model gpu_count"},
}
# Defaults that scripts rely on, as Matterport wrote them.
DEFAULTS = {
    ("mrcnn.model", "MaskRCNN.load_weights"): {"by_name": False, "exclude": None},
    ("mrcnn.model", "MaskRCNN.train"): {
        "augmentation": None,
        "custom_callbacks": None,
        "no_augmentation_sources": None,
    },
    ("mrcnn.model", "MaskRCNN.detect"): {"verbose": 0},
    ("mrcnn.model", "load_image_gt"): {
        "augment": False,
        "augmentation": None,
        "use_mini_mask": False,
    },
    ("mrcnn.model", "data_generator"): {
        "shuffle": True,
        "random_rois": 0,
        "batch_size": 1,
        "detection_targets": False,
    },
    ("mrcnn.model", "conv_block"): {"strides": (2, 2), "use_bias": True, "train_bn": True},
    ("mrcnn.utils", "resize_image"): {
        "min_dim": None,
        "max_dim": None,
        "min_scale": None,
        "mode": "square",
    },
    ("mrcnn.utils", "compute_matches"): {"iou_threshold": 0.5, "score_threshold": 0.0},
    ("mrcnn.utils", "compute_ap"): {"iou_threshold": 0.5},
    ("mrcnn.utils", "compute_ap_range"): {"iou_thresholds": None, "verbose": 1},
    ("mrcnn.utils", "download_trained_weights"): {"verbose": 1},
    ("mrcnn.visualize", "display_images"): {"titles": None, "cols": 4},
    ("mrcnn.visualize", "apply_mask"): {"alpha": 0.5},
    ("mrcnn.visualize", "display_instances"): {
        "scores": None,
        "title": "",
        "figsize": (16, 16),
        "ax": None,
        "show_mask": True,
        "show_bbox": True,
        "colors": None,
        "captions": None,
    },
    ("mrcnn.visualize", "display_top_masks"): {"limit": 4},
    ("mrcnn.visualize", "draw_rois"): {"limit": 10},
    ("mrcnn.visualize", "plot_overlaps"): {"threshold": 0.5},
}
# Matterport's values. NAME, which was None there, has to be set by every script; ours names the
# folder "mrcnn" where it is not.
SETTINGS = {
    "GPU_COUNT": 1,
    "IMAGES_PER_GPU": 2,
    "STEPS_PER_EPOCH": 1000,
    "VALIDATION_STEPS": 50,
    "BACKBONE": "resnet101",
    "COMPUTE_BACKBONE_SHAPE": None,
    "BACKBONE_STRIDES": [4, 8, 16, 32, 64],
    "FPN_CLASSIF_FC_LAYERS_SIZE": 1024,
    "TOP_DOWN_PYRAMID_SIZE": 256,
    "NUM_CLASSES": 1,
    "RPN_ANCHOR_SCALES": [32, 64, 128, 256, 512],
    "RPN_ANCHOR_RATIOS": [0.5, 1, 2],
    "RPN_ANCHOR_STRIDE": 1,
    "RPN_NMS_THRESHOLD": 0.7,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": 256,
    "PRE_NMS_LIMIT": 6000,
    "POST_NMS_ROIS_TRAINING": 2000,
    "POST_NMS_ROIS_INFERENCE": 1000,
    "USE_MINI_MASK": True,
    "MINI_MASK_SHAPE": [56, 56],
    "IMAGE_RESIZE_MODE": "square",
    "IMAGE_MIN_DIM": 800,
    "IMAGE_MAX_DIM": 1024,
    "IMAGE_MIN_SCALE": 0,
    "IMAGE_CHANNEL_COUNT": 3,
    "MEAN_PIXEL": [123.7, 116.8, 103.9],
    "TRAIN_ROIS_PER_IMAGE": 200,
    "ROI_POSITIVE_RATIO": 0.33,
    "POOL_SIZE": 7,
    "MASK_POOL_SIZE": 14,
    "MASK_SHAPE": [28, 28],
    "MAX_GT_INSTANCES": 100,
    "RPN_BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2],
    "BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2],
    "DETECTION_MAX_INSTANCES": 100,
    "DETECTION_MIN_CONFIDENCE": 0.7,
    "DETECTION_NMS_THRESHOLD": 0.3,
    "LEARNING_RATE": 0.001,
    "LEARNING_MOMENTUM": 0.9,
    "WEIGHT_DECAY": 0.0001,
    "USE_RPN_ROIS": True,
    "TRAIN_BN": False,
    "GRADIENT_CLIP_NORM": 5.0,
    "LOSS_WEIGHTS": {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    },
    "BATCH_SIZE": 2,
    "IMAGE_SHAPE": [1024, 1024, 3],
    "IMAGE_META_SIZE": 13,
}
GONE = [
    "resnet_graph",
    "apply_box_deltas_graph",
    "clip_boxes_graph",
    "log2_graph",
    "overlaps_graph",
    "detection_targets_graph",
    "refine_detections_graph",
    "rpn_graph",
    "build_rpn_model",
    "fpn_classifier_graph",
    "build_fpn_mask_graph",
    "rpn_class_loss_graph",
    "rpn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_bbox_loss_graph",
    "mrcnn_mask_loss_graph",
    "parse_image_meta_graph",
    "trim_zeros_graph",
    "batch_pack_graph",
    "norm_boxes_graph",
    "denorm_boxes_graph",
]


def found(module, name):
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))


def parameters(module, name):
    return [
        p
        for p in inspect.signature(found(module, name)).parameters.values()
        if p.name != "self" and p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)
    ]


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in NAMES for name in NAMES[module]]
)
def test_a_name_takes_what_it_took(module, name):
    given, wanted = parameters(module, name), NAMES[module][name].split()
    assert [p.name for p in given[: len(wanted)]] == wanted
    assert all(p.default is not p.empty for p in given[len(wanted) :]), (
        "what is our own may be left out"
    )


@pytest.mark.parametrize(("module", "name"), DEFAULTS)
def test_a_name_means_the_same_where_nothing_is_said(module, name):
    wanted, defaults = DEFAULTS[module, name], {p.name: p.default for p in parameters(module, name)}
    assert {key: defaults[key] for key in wanted} == wanted


def test_extras_of_an_image_are_keywords():
    kinds = [
        p.kind
        for p in inspect.signature(found("mrcnn.utils", "Dataset.add_image")).parameters.values()
    ]
    assert kinds[-1] is inspect.Parameter.VAR_KEYWORD


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_the_value_it_had(name):
    value = getattr(found("mrcnn.config", "Config")(), name)
    value = np.asarray(value).tolist() if isinstance(value, (tuple, np.ndarray)) else value
    assert value == (pytest.approx(SETTINGS[name]) if name == "MEAN_PIXEL" else SETTINGS[name])


def test_a_prepared_dataset_has_the_attributes_it_had(shapes):
    dataset = shapes(2)
    for name in (
        "image_ids",
        "_image_ids",
        "num_classes",
        "class_ids",
        "class_names",
        "num_images",
        "class_from_source_map",
        "image_from_source_map",
        "sources",
        "source_class_ids",
        "class_info",
        "image_info",
    ):
        assert getattr(dataset, name) is not None, name


def test_a_model_has_the_attributes_it_had(model):
    for name in (
        "mode",
        "config",
        "model_dir",
        "epoch",
        "log_dir",
        "checkpoint_path",
        "keras_model",
        "anchors",
    ):
        assert hasattr(model, name), name
    assert (model.mode, model.epoch) == ("inference", 0) and "{epoch:04d}" in model.checkpoint_path


@pytest.mark.parametrize("name", GONE)
def test_pieces_of_the_old_graph_name_what_to_use(name):
    with pytest.raises(NotImplementedError, match=rf"{name} .*Use (\S+)\.") as error:
        found("mrcnn.model", name)(1, 2, config=3)
    words = str(error.value).partition("Use ")[2].split()[0].rstrip(".").split(".")
    for cut in range(len(words) - 1, 0, -1):  # the longest part that is a module
        try:
            module = importlib.import_module(".".join(words[:cut]))
        except ModuleNotFoundError:
            continue
        assert functools.reduce(getattr, words[cut:], module)
        return
    raise AssertionError(f"{'.'.join(words)} is not to be found")


def test_what_else_is_gone_names_what_to_use(model):
    for call, word in [
        (lambda: model.run_graph([], []), "model.trace"),
        (lambda: model.ancestor(None, "x"), "model.trace"),
        (lambda: found("mrcnn.utils", "box_refinement_graph")(1, 2), "mrcnn.ops.boxes.encode"),
        (lambda: found("mrcnn.utils", "batch_slice")(1, len, 2), "mrcnn.ops"),
        (lambda: found("mrcnn.utils", "mold_mask")(1, 2), "minimize_mask"),
        (lambda: found("mrcnn.parallel_model", "ParallelModel")(1, 2), "GPU_COUNT"),
    ]:
        with pytest.raises(NotImplementedError, match=word):
            call()


def test_where_the_coco_weights_lie_is_known():
    assert found("mrcnn.utils", "COCO_MODEL_URL").endswith("/v2.0/mask_rcnn_coco.h5")
