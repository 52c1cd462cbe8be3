"""Sizes of images and masks, shapes of masks, and both at the size of the network input."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from fashion.exploration.objects import Objects
from mrcnn.config import Config
from mrcnn.data.resize import placement_for
from mrcnn.typing import Array

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_SMALL, _LARGE = 32**2, 96**2  # COCO: small is below, large above; both limits are medium


@dataclasses.dataclass(frozen=True)
class CanvasObjects:
    """N objects as the network sees them.

    Attributes:
        boxes: `(N, 4)` float64 yxyx, pixels of the network input, clipped to it.
        areas: `(N,)` float64, pixels of the network input.
        canvas_hw: `(N, 2)` int64, size of the network input.
    """

    boxes: Array
    areas: Array
    canvas_hw: Array


def at_training_size(objects: Objects, config: Config) -> CanvasObjects:
    """Scales and places all objects as training does. Where it crops, the centre is kept.

    Args:
        objects: Objects of the original images.
        config: Its resize mode and dimensions are used.

    Returns:
        Boxes and areas on the network input.
    """
    # Few sizes, many images: each size is placed once.
    sizes, which = np.unique(objects.image_hw, axis=0, return_inverse=True)
    placed = [placement_for(config, (int(height), int(width))) for height, width in sizes]
    of_object = which.ravel()[objects.image]
    scale = np.array([np.divide(p.size_hw, p.original_hw) for p in placed]).reshape(-1, 2)[
        of_object
    ]
    corner = np.array([p.corner for p in placed]).reshape(-1, 2)[of_object]
    canvas = np.array([p.canvas_hw for p in placed]).reshape(-1, 2)[of_object]
    boxes = objects.boxes * np.tile(scale, 2) + np.tile(corner, 2)
    whole = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    boxes = np.clip(boxes, 0, np.tile(canvas, 2))
    # Masks are not decoded: the share of the box that is left stands for that of the mask.
    visible = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / np.maximum(whole, 1e-9)
    return CanvasObjects(boxes, objects.areas * np.prod(scale, axis=1) * visible, canvas)


def quantiles(values: Array) -> list[float] | None:
    """Returns the 5, 25, 50, 75 and 95 % quantiles.

    Args:
        values: `(n,)` numbers.

    Returns:
        Five numbers, or None without values.
    """
    return np.quantile(values, _LEVELS).tolist() if len(values) else None


def image_sizes(image_hw: Array) -> dict[str, Any]:
    """Describes the sizes of images.

    Args:
        image_hw: `(I, 2)` ints, pixels.

    Returns:
        "grid": `[[width, height, images]]`, in steps of "step" pixels; "different" sizes and the
        "commonest"; histograms of "megapixels" and "aspect" (height / width) with their
        quantiles; "upright": share of the images that are higher than wide.
    """
    height, width = np.asarray(image_hw).T
    step = max(1, int(np.ceil(max(np.ptp(height), np.ptp(width)) / 60)))  # 60 dots fill a plot
    on_grid = np.stack([width // step, height // step], axis=1)
    cells, number = np.unique(on_grid, axis=0, return_counts=True)
    megapixels, aspect = height * width / 1e6, height / width
    common, often = np.unique(np.stack([width, height], axis=1), axis=0, return_counts=True)
    grid = []
    for cell, n in zip(cells, number):
        grid.append([*(cell * step + (step - 1) / 2).tolist(), int(n)])
    return {
        "grid": grid,
        "step": step,
        "different": len(common),
        "commonest": {
            "width": int(common[often.argmax()][0]),
            "height": int(common[often.argmax()][1]),
            "photos": int(often.max()),
        },
        "megapixels": _histogram(megapixels) | {"quantiles": quantiles(megapixels)},
        "aspect": _histogram(aspect) | {"quantiles": quantiles(aspect)},
        "upright": float((height > width).mean()),
    }


def _histogram(values: Array) -> dict[str, list]:
    """Counts in 30 bins; outliers are clipped into the first and the last bin."""
    # The central 99 %: a few extreme values would leave no room for the others.
    low, high = np.quantile(values, (0.005, 0.995))
    edges = np.linspace(low, high if high > low else low + 0.1, 31)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def coco_sizes(areas: Array | Sequence[float]) -> list[int]:
    """Counts small, medium and large objects as COCO defines them.

    Args:
        areas: `(n,)`, pixels.

    Returns:
        Three counts.
    """
    areas = np.asarray(areas)
    small, large = int((areas < _SMALL).sum()), int((areas > _LARGE).sum())
    return [small, len(areas) - small - large, large]


def mask_statistics(
    objects: Objects, names: Sequence[str], canvas_areas: Array
) -> list[dict[str, Any]]:
    """Describes the masks of each class.

    Args:
        objects: Objects of the original images.
        names: K names of the classes.
        canvas_areas: `(N,)` areas at training size, pixels.

    Returns:
        A dict for all classes together ("all"), then one for each class: "name", "objects";
        quantiles of "share" (of the image), "pixels", "aspect" (height / width of the box),
        "fill" (share of the box), "runs" and "parts"; "photo_sizes" and "canvas_sizes" from
        `coco_sizes`; "in_parts": share of the masks with several parts.
    """
    height, width = objects.sides_hw.astype(np.float64).T
    columns = {
        "share": objects.areas / objects.image_pixels,
        "pixels": objects.areas,
        "aspect": height / width,
        "fill": objects.areas / (height * width),
        "runs": objects.runs,
        "parts": objects.parts,
    }
    rows = []
    for class_id, name in enumerate(["all", *names]):
        chosen = objects.class_ids == class_id if class_id else np.ones(len(objects), bool)
        row = {"name": name, "objects": int(chosen.sum())}
        row |= {key: quantiles(values[chosen]) for key, values in columns.items()}
        row |= {
            "photo_sizes": coco_sizes(objects.areas[chosen]),
            "canvas_sizes": coco_sizes(canvas_areas[chosen]),
            "in_parts": float((objects.parts[chosen] > 1).mean()) if chosen.any() else None,
        }
        rows.append(row)
    return rows
