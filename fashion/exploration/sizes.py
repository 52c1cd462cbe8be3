"""Quantiles: sizes of photos and masks, and shapes of masks, by class."""

import numpy as np

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
SMALL, LARGE = 32**2, 96**2  # COCO: below, small; above, large; both ends are medium


def quantiles(values):
    """The LEVELS of some values, a list; None where there are no values."""
    return np.quantile(values, LEVELS).tolist() if len(values) else None


def histogram(values, edges):
    """{"edges": n + 1, "counts": n}; what lies outside counts in the first or the last."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return {"edges": np.asarray(edges).tolist(), "counts": counts.tolist()}


def photo_sizes(image_hw):
    """Sizes of photos: [[width, height, photos]] on a grid, megapixels and height / width as histograms with their quantiles."""
    height, width = np.asarray(image_hw).T
    step = max(
        1, int(np.ceil(max(np.ptp(height), np.ptp(width)) / 60))
    )  # as fine as a plot can show
    cells, number = np.unique(
        np.stack([width // step, height // step], axis=1), axis=0, return_counts=True
    )
    megapixels, aspect = height * width / 1e6, height / width
    common, often = np.unique(np.stack([width, height], axis=1), axis=0, return_counts=True)
    return {
        "grid": [
            [*(cell * step + (step - 1) / 2).tolist(), int(n)] for cell, n in zip(cells, number)
        ],
        "step": step,
        "different": len(common),
        "commonest": {
            "width": int(common[often.argmax()][0]),
            "height": int(common[often.argmax()][1]),
            "photos": int(often.max()),
        },
        "megapixels": histogram(megapixels, _edges(megapixels))
        | {"quantiles": quantiles(megapixels)},
        "aspect": histogram(aspect, _edges(aspect)) | {"quantiles": quantiles(aspect)},
        "upright": float((height > width).mean()),
    }


def _edges(values):
    low, high = np.quantile(
        values, (0.005, 0.995)
    )  # a few extreme ones would leave no room for the others
    return np.linspace(low, high if high > low else low + 0.1, 31)


def coco_sizes(areas):
    """[small, medium, large]: how many of some areas, in pixels, are which."""
    areas = np.asarray(areas)
    small, large = int((areas < SMALL).sum()), int((areas > LARGE).sum())
    return [small, len(areas) - small - large, large]


def mask_rows(objects, names, canvas_areas):
    """Quantiles of each class's masks, and of all together in a first row named "all".

    canvas_areas: (N,) pixels at the training size. A dict each: name, objects; quantiles of share (of the photo), pixels, aspect
    (height / width of the box), fill (of the box), runs, parts; photo_sizes and canvas_sizes as `coco_sizes`.
    """
    height, width = objects.sides_hw.astype(np.float64).T
    measures = {
        "share": objects.areas / objects.photo_pixels,
        "pixels": objects.areas,
        "aspect": height / width,
        "fill": objects.areas / (height * width),
        "runs": objects.runs,
        "parts": objects.parts,
    }
    rows = []
    for k, name in enumerate(["all", *names]):
        some = objects.class_ids == k if k else np.ones(len(objects), bool)
        rows.append(
            {"name": name, "objects": int(some.sum())}
            | {key: quantiles(values[some]) for key, values in measures.items()}
            | {
                "photo_sizes": coco_sizes(objects.areas[some]),
                "canvas_sizes": coco_sizes(canvas_areas[some]),
                "in_parts": float((objects.parts[some] > 1).mean()) if some.any() else None,
            }
        )
    return rows
