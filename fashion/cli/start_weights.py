"""Start weights: what --weights and --exclude of a training mean."""

import re
from collections.abc import Mapping
from typing import Any

from fashion.config import BEFORE
from fashion.model import FashionModel, checkpoint_in
from mrcnn.modeling.backbones.pretrained import load_imagenet
from mrcnn.typing import PathLike
from mrcnn.weights import published
from mrcnn.weights.download import download
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import (
    WeightError,
    convention_in,
    own_weights,
    read_h5,
    weight_layers,
)

ARRAYS = (".npz", ".pth", ".pkl")  # files of a backbone, without metadata
LAYERS_OF_LABELS = {
    "mrcnn_class_logits",
    "mrcnn_class_logits_stage2",
    "mrcnn_class_logits_stage3",
    "mrcnn_bbox_fc",
    "mrcnn_mask",
    "mrcnn_mask_refine",
    "mrcnn_attribute_logits",
    "mrcnn_attribute_query",
}


def start_weights(model: FashionModel, weights: str, exclude: str | None = None) -> None:
    """Loads the weights that a training starts from.

    Args:
        model: New model.
        weights: "none", "imagenet", "coco", a run folder or a file.
        exclude: Regular expression; layers whose whole names match keep their initial weights.

    Raises:
        ValueError: `exclude` matches no layer, or the weights do not fit.
        OSError: There are no such weights.
    """
    names = list(weight_layers(model.detector))
    initial = [name for name in names if exclude and re.fullmatch(exclude, name)]
    if exclude and not initial:
        raise ValueError(
            f"--exclude {exclude} matches no layer; it must match a whole name, such as "
            f"{', '.join(names[-2:])}."
        )
    if weights == "none":
        return
    if weights == "imagenet":
        load_imagenet(model.detector, model.config.BACKBONE, exclude=initial)
        return
    if weights == "coco":
        weights = coco_weights(model.config.BACKBONE)
    path = weights if str(weights).endswith(ARRAYS) else checkpoint_in(weights)
    trained = read_metadata(path) if path != weights else {}
    try:
        unfitting = unfitting_layers(model, path, trained)
        model.detector.load_weights(path, exclude=[*unfitting, *initial])
    except ValueError as error:
        raise ValueError(f"{error}{_advice(error, trained, model)}") from error


def coco_weights(backbone: Any = "resnet101") -> str:
    """Downloads Matterport's COCO weights, once.

    Args:
        backbone: Setting BACKBONE, which has to be a ResNet.

    Returns:
        Path of the file, in the folder where Keras stores weights.

    Raises:
        ValueError: The backbone has no layers of the file.
        DownloadError: The file could not be downloaded; what arrived is kept, and the next call
            continues.
    """
    if backbone not in ("resnet50", "resnet101"):
        raise ValueError(
            "--weights coco are the weights of a ResNet-101, and the backbone is "
            f"{backbone}. Add --backbone resnet101, or resnet50, which takes the layers that it "
            "shares with it; or use --weights imagenet."
        )
    path = published.models_folder() / "mask_rcnn_coco.h5"
    download(
        published.COCO_MODEL_URL,
        path,
        md5=published.COCO_MODEL_MD5,
        size=published.COCO_MODEL_SIZE,
        kind="h5",
        otherwise="start with --weights imagenet, or give a copy of the file: --weights FILE",
    )
    return str(path)


def _advice(error: ValueError, trained: Mapping[str, Any], model: FashionModel) -> str:
    """What to do where weights do not fit."""
    advice = ""
    wrong = error.layers if isinstance(error, WeightError) else ()
    if wrong:
        advice += f" On the command line: --exclude '{'|'.join(wrong)}'."
    recipe = trained.get("config", {}).get("NAME")
    if recipe not in (None, model.config.NAME):
        advice += (
            f" It was trained by the recipe {recipe!r}, and the recipe now is "
            f"{model.config.NAME!r}."
        )
    return advice


def convention_of(weights: str) -> dict[str, str]:
    """Finds the pixel convention that the heads of a weight file were trained with.

    Args:
        weights: Value of --weights.

    Returns:
        The setting, `{"ROI_ALIGN": "corners"}` for Matterport's; empty if the file names none.
    """
    if weights in ("none", "imagenet") or str(weights).endswith(ARRAYS):
        return {}
    if weights == "coco":
        return {"ROI_ALIGN": "corners"}  # known without the file
    convention = convention_in(checkpoint_in(weights))
    return {"ROI_ALIGN": convention} if convention else {}


def unfitting_layers(model: FashionModel, path: PathLike, trained: Mapping[str, Any]) -> list[str]:
    """Lists the layers whose weights in a file mean something else in this model.

    Layers of another label list or of another attribute head are left out even where the shapes
    agree. Of a file without metadata only layers of another shape are.

    Args:
        model: New model.
        path: The weight file.
        trained: Its metadata.

    Returns:
        Names of the layers, in the order of the model.
    """
    if str(path).endswith(ARRAYS):
        return []
    layers = weight_layers(model.detector)
    shapes = read_h5(path, layers, of_each=lambda dataset: dataset.shape)
    attribute_layers = {name for name in layers if name.startswith("mrcnn_attribute")}
    other_labels = trained.get("ontology") not in (None, model.ontology.to_dict())
    attribute_head = (BEFORE | trained.get("config", {})).get("ATTRIBUTE_HEAD")
    other_head = "ontology" in trained and attribute_head != model.config.ATTRIBUTE_HEAD

    unfitting = set()
    for name in attribute_layers if "ontology" in trained else LAYERS_OF_LABELS:
        if name in layers and name in shapes:
            if shapes[name] != [tuple(w.shape) for w in own_weights(layers[name])]:
                unfitting.add(name)
    if other_labels:
        unfitting |= LAYERS_OF_LABELS
    if other_head:
        unfitting |= attribute_layers
    return [name for name in layers if name in unfitting]
