"""Analysis: everything that is told about a data set, as one dict that JSON can hold."""

import numpy as np

from fashion.exploration import frequencies
from fashion.exploration.anchors import anchor_shapes, best_iou, suggest
from fashion.exploration.comparison import compare
from fashion.exploration.data_issues import in_both, strays, suspicious_rows, wrong_rows
from fashion.exploration.sizes import coco_sizes, mask_rows, photo_sizes, quantiles
from fashion.exploration.training_size import on_canvas

GOOD, FAIR = 0.7, 0.5  # IoU: the network's own "this is an object"; COCO's easiest match
_IOU_EDGES = np.linspace(0, 1, 51)
_SIDES = (0, 16, 32, 64, 128, 256, np.inf)  # pixels of the canvas, root of a box's area
_LEAST_PHOTOS = 3  # in which chance would bring a pair of classes together
_LEAST_SIDE = 4  # pixels of the canvas


def analyse(dataset, objects, config, *, val=None, tiny, drop_strays, seed=0):
    """The analysis of `objects`, those of `dataset`.

    config: the settings a network would be trained with; val: (dataset, Objects) to validate on, or None
    tiny: masks of fewer pixels are suspicious; drop_strays: count no attributes on classes that carry none; seed: of the anchor search
    """
    ontology = dataset.ontology
    suspects = [("train", row) for row in _suspects(dataset, objects, tiny)]
    if val is not None:
        suspects += [("val", row) for row in _suspects(*val, tiny)] + [
            ("train", row) for row in in_both(objects, val[1])
        ]
    val_objects = val[1] if val else None
    if drop_strays:
        objects, val_objects = (
            part and part.with_labels(~strays(part, ontology)) for part in (objects, val_objects)
        )
    canvas = on_canvas(objects, config)
    names = [name.split(",")[0] for name in ontology.category_names]
    met = frequencies.together(objects)
    return {
        "photos": len(objects.image_ids),
        "objects": len(objects),
        "labels": len(objects.attributes),
        "with_attributes": float(len(np.unique(objects.labelled)) / max(len(objects), 1)),
        "sizes": photo_sizes(objects.image_hw),
        "per_photo": frequencies.per_photo(objects),
        "classes": frequencies.class_rows(objects, ontology),
        "attributes": frequencies.attribute_rows(objects, ontology),
        "together": {
            "photos": met.tolist(),
            "pairs": [
                (names[i], names[j], both, chance)
                for i, j, both, chance in frequencies.pairs_of(
                    met, len(objects.image_ids), _LEAST_PHOTOS
                )
            ],
        },
        "class_attributes": {
            "objects": frequencies.class_attributes(objects).tolist(),
            "carrying": frequencies.carrying(objects).tolist(),
        },
        "masks": mask_rows(objects, names, canvas.areas),
        "training": _at_training_size(canvas, config),
        "anchors": _anchors(objects, canvas, names, config, seed),
        "suspicious": [{"csv": csv, **row} for csv, row in suspects],
        "comparison": compare(objects, val_objects, ontology),
    }


def _suspects(dataset, objects, tiny):
    return wrong_rows(dataset.bad_rows) + suspicious_rows(
        objects, dataset.ontology, dataset.annotations.runs_of, tiny=tiny
    )


def _at_training_size(canvas, config):
    sides = canvas.boxes[:, 2:] - canvas.boxes[:, :2]
    return {
        "recipe": config.NAME,
        "mode": config.IMAGE_RESIZE_MODE,
        "image_hw": list(config.image_hw),
        "sizes": coco_sizes(canvas.areas),
        "least_side": _LEAST_SIDE,
        "thin": float((sides.min(axis=1) < _LEAST_SIDE).mean()),
    }


def _anchors(objects, canvas, names, config, seed):
    """How the anchors of the settings fit, and those suggested."""
    given = tuple(config.RPN_ANCHOR_SCALES), tuple(config.RPN_ANCHOR_RATIOS)
    strides, step = tuple(config.BACKBONE_STRIDES), config.RPN_ANCHOR_STRIDE
    better = suggest(canvas.boxes, canvas.canvas_hw, strides, *given, step, seed)
    sides = np.sqrt(np.prod(canvas.boxes[:, 2:] - canvas.boxes[:, :2], axis=1))
    of_side = np.digitize(sides, _SIDES[1:-1])
    rows = {}
    for which, (scales, ratios) in (("given", given), ("suggested", better)):
        iou = best_iou(canvas.boxes, canvas.canvas_hw, anchor_shapes(strides, scales, ratios), step)
        rows[which] = {
            "scales": list(scales),
            "ratios": list(ratios),
            "histogram": np.histogram(iou, _IOU_EDGES)[0].tolist(),
            "all": _fit(iou),
            "classes": [
                {"name": name} | _fit(iou[objects.class_ids == k])
                for k, name in enumerate(names, 1)
            ],
            "sides": [
                {"name": _range(*_SIDES[k : k + 2])} | _fit(iou[of_side == k])
                for k in range(len(_SIDES) - 1)
            ],
        }
    return rows | {
        "iou_edges": _IOU_EDGES.tolist(),
        "changed": given != better,
        "strides": list(strides),
    }


def _range(low, high):
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and more"


def _fit(iou):
    """What is told of the best IoU of some boxes; None where there are no boxes."""
    if not len(iou):
        return {"objects": 0, "mean": None, "fair": None, "good": None, "quantiles": None}
    return {
        "objects": len(iou),
        "mean": float(iou.mean()),
        "fair": float((iou >= FAIR).mean()),
        "good": float((iou >= GOOD).mean()),
        "quantiles": quantiles(iou),
    }
