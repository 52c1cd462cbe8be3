"""The analysis of a data set as one dict that JSON can hold."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fashion.exploration import frequencies
from fashion.exploration.anchors import anchor_shapes, best_iou, suggest_anchors
from fashion.exploration.data_issues import find_issues, images_in_both, invalid_rows, stray_labels
from fashion.exploration.objects import AnnotatedDataset, Objects
from fashion.exploration.sizes import (
    CanvasObjects,
    at_training_size,
    coco_sizes,
    image_sizes,
    mask_statistics,
    quantiles,
)
from fashion.labels.ontology import Ontology
from mrcnn.config import Config
from mrcnn.typing import Array

# IoU of an anchor: positive for the region proposals (RPN), and COCO's lowest threshold.
_GOOD, _FAIR = 0.7, 0.5
_IOU_EDGES = np.linspace(0, 1, 51)
_SIDES = (0, 16, 32, 64, 128, 256, np.inf)  # square root of a box's area, network pixels
_MIN_EXPECTED = 3  # images in which a pair of classes must be expected by chance
_THIN = 4  # network pixels: boxes this high or wide are counted


def analyse(
    dataset: AnnotatedDataset,
    objects: Objects,
    config: Config,
    *,
    val: tuple[AnnotatedDataset, Objects] | None = None,
    tiny: int,
    drop_strays: bool,
    seed: int = 0,
) -> dict[str, Any]:
    """Analyses a data set.

    Args:
        dataset: The data set to train on.
        objects: Its objects.
        config: Settings of a training: input size and anchors.
        val: Data set and objects to validate on, if any.
        tiny: Masks of fewer pixels are data issues.
        drop_strays: Do not count attributes of classes that should have none.
        seed: Of the anchor search.

    Returns:
        The content of exploration.json.
    """
    ontology = dataset.ontology
    issues = _issues(dataset, objects, val, tiny)
    val_objects = val[1] if val else None
    if drop_strays:
        objects = _without_strays(objects, ontology)
        val_objects = val_objects and _without_strays(val_objects, ontology)
    # Anchors and COCO's sizes matter at the size of the network input.
    canvas = at_training_size(objects, config)
    names = [name.split(",")[0] for name in ontology.category_names]
    return {
        "photos": len(objects.image_ids),
        "objects": len(objects),
        "labels": len(objects.attributes),
        "with_attributes": float(len(np.unique(objects.labelled)) / max(len(objects), 1)),
        "sizes": image_sizes(objects.image_hw),
        "per_photo": frequencies.counts_per_image(objects),
        "classes": frequencies.class_frequencies(objects, ontology),
        "attributes": frequencies.attribute_frequencies(objects, ontology),
        "together": _co_occurrence(objects, names),
        "class_attributes": _class_attributes(objects),
        "masks": mask_statistics(objects, names, canvas.areas),
        "training": _training_size(canvas, config),
        "anchors": _anchors(objects, canvas, names, config, seed),
        "suspicious": issues,
        "comparison": frequencies.compare_splits(objects, val_objects, ontology),
    }


def _issues(
    dataset: AnnotatedDataset,
    objects: Objects,
    val: tuple[AnnotatedDataset, Objects] | None,
    tiny: int,
) -> list[dict[str, Any]]:
    found = []
    for csv, part in (("train", (dataset, objects)), ("val", val)):
        if part:
            rows = invalid_rows(part[0].bad_rows)
            runs_of = part[0].annotations.runs_of
            rows += find_issues(part[1], dataset.ontology, runs_of, tiny=tiny)
            found += [{"csv": csv, **row} for row in rows]
    if val:
        found += [{"csv": "train", **row} for row in images_in_both(objects, val[1])]
    return found


def _without_strays(objects: Objects, ontology: Ontology) -> Objects:
    return objects.with_labels(~stray_labels(objects, ontology))


def _class_attributes(objects: Objects) -> dict[str, Any]:
    return {
        "objects": frequencies.class_attributes(objects).tolist(),
        "carrying": frequencies.share_with_attributes(objects).tolist(),
    }


def _co_occurrence(objects: Objects, names: Sequence[str]) -> dict[str, Any]:
    counts = frequencies.co_occurrence(objects)
    pairs = frequencies.co_occurring_pairs(counts, len(objects.image_ids), _MIN_EXPECTED)
    return {
        "photos": counts.tolist(),
        "pairs": [(names[i], names[j], observed, expected) for i, j, observed, expected in pairs],
    }


def _training_size(canvas: CanvasObjects, config: Config) -> dict[str, Any]:
    sides = canvas.boxes[:, 2:] - canvas.boxes[:, :2]
    return {
        "recipe": config.NAME,
        "mode": config.IMAGE_RESIZE_MODE,
        "image_hw": list(config.image_hw),
        "sizes": coco_sizes(canvas.areas),
        "least_side": _THIN,
        "thin": float((sides.min(axis=1) < _THIN).mean()),
    }


def _anchors(
    objects: Objects, canvas: CanvasObjects, names: Sequence[str], config: Config, seed: int
) -> dict[str, Any]:
    """How well the anchors of the settings fit the boxes, and how well suggested ones do."""
    given = tuple(config.RPN_ANCHOR_SCALES), tuple(config.RPN_ANCHOR_RATIOS)
    strides, step = tuple(config.BACKBONE_STRIDES), config.RPN_ANCHOR_STRIDE
    suggested = suggest_anchors(canvas.boxes, canvas.canvas_hw, strides, *given, step, seed)
    sides = np.sqrt(np.prod(canvas.boxes[:, 2:] - canvas.boxes[:, :2], axis=1))
    side_bins = np.digitize(sides, _SIDES[1:-1])
    fits: dict[str, Any] = {}
    for which, (scales, ratios) in (("given", given), ("suggested", suggested)):
        shapes = anchor_shapes(strides, scales, ratios)
        iou = best_iou(canvas.boxes, canvas.canvas_hw, shapes, step)
        of_classes = []
        for class_id, name in enumerate(names, 1):
            of_classes.append({"name": name} | _fit(iou[objects.class_ids == class_id]))
        of_sides = []
        for k in range(len(_SIDES) - 1):
            of_sides.append({"name": _range(*_SIDES[k : k + 2])} | _fit(iou[side_bins == k]))
        fits[which] = {
            "scales": list(scales),
            "ratios": list(ratios),
            "histogram": np.histogram(iou, _IOU_EDGES)[0].tolist(),
            "all": _fit(iou),
            "classes": of_classes,
            "sides": of_sides,
        }
    return fits | {
        "iou_edges": _IOU_EDGES.tolist(),
        "changed": given != suggested,
        "strides": list(strides),
    }


def _range(low: float, high: float) -> str:
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and more"


def _fit(iou: Array) -> dict[str, Any]:
    """Statistics of the best IoU of some boxes; None where there are no boxes."""
    if not len(iou):
        return {"objects": 0, "mean": None, "fair": None, "good": None, "quantiles": None}
    return {
        "objects": len(iou),
        "mean": float(iou.mean()),
        "fair": float((iou >= _FAIR).mean()),
        "good": float((iou >= _GOOD).mean()),
        "quantiles": quantiles(iou),
    }
