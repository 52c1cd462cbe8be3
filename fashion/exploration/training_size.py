"""Training size: boxes and areas of all objects on the canvas of the network input."""

import dataclasses

import numpy as np

from mrcnn.data.resize import placement_for


@dataclasses.dataclass(frozen=True)
class OnCanvas:
    """N objects, as the network sees them."""

    boxes: np.ndarray  # (N, 4) float64 yxyx, pixels of the canvas, cut to it
    areas: np.ndarray  # (N,) float64, pixels of the canvas that the masks cover
    canvas_hw: np.ndarray  # (N, 2) int64


def on_canvas(objects, config):
    """The OnCanvas of all objects, scaled and placed as `config` scales photos. Where it cuts photos, the middle is kept."""
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
    seen = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / np.maximum(whole, 1e-9)
    return OnCanvas(boxes, objects.areas * np.prod(scale, axis=1) * seen, canvas)
