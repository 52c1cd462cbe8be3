"""Layers by Matterport's names, and what replaced those that have no weights."""

import keras

from mrcnn.weights.layer_files import weight_layers

# Layers of Matterport's graphs -> the key of `Detector.trace` that has their tensor.
TRACED = {
    "ROI": "rpn_rois",
    "rpn_class_logits": "rpn_class_logits",
    "rpn_class": "rpn_class",
    "rpn_class_xxx": "rpn_class",
    "rpn_bbox": "rpn_bbox",
    "mrcnn_class": "mrcnn_class",
    "mrcnn_bbox": "mrcnn_bbox",
    "mrcnn_detection": "detections",
    "input_image": "input_image",
    "output_rois": "rpn_rois",
} | {
    f"res{stage}{block}_out": f"C{stage}"
    # Stage 4 ends with block w in a ResNet-101 (23 blocks), with f in a ResNet-50 (6).
    for stage, block in ((2, "c"), (3, "d"), (4, "w"), (4, "f"), (5, "c"))
}
LOSS_SUFFIX = "_loss"


def layer_of(detector: keras.Model, name: str) -> keras.Layer | None:
    """Finds a layer with weights by its name, at any depth.

    Args:
        detector: A `Detector`.
        name: Of the layer.

    Returns:
        The layer, or None.
    """
    return weight_layers(detector).get(name)


def what_to_use_for(name: str) -> str:
    """Says what replaces a layer of Matterport's graph that is not a layer here.

    Args:
        name: Of the layer.

    Returns:
        A sentence for an error message.
    """
    if name in TRACED:
        return f'Call trace(images) of the MaskRCNN: its ["{TRACED[name]}"] is that tensor.'
    if str(name).endswith(LOSS_SUFFIX):
        return (
            "Losses are not layers: keras_model.history.history has them by this name, and "
            "LOSS_WEIGHTS weighs them."
        )
    return (
        "Layers with weights go by Matterport's names, see get_trainable_layers() of the MaskRCNN; "
        "every tensor in between is in the dict that its trace(images) returns."
    )


NO_LIST_OF_INPUTS = (
    "keras_model.predict takes no list of images, metas and anchors: the graph with seven outputs "
    "is gone. Call model.detect(images) with photos, model.detect_molded(molded_images, "
    "image_metas) with what mold_inputs made of them, or model.trace(images) for every tensor by "
    "its name."
)
