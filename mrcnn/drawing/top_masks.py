"""Top masks: an image beside the classes that cover most of it, each instance in a shade of its own."""

import numpy as np

from mrcnn.drawing.captions import name_of
from mrcnn.drawing.figures import display_images

FAINTEST = 0.45  # of 0..1: the darkest instance still stands out from the background, which is 0


def display_top_masks(image, mask, class_ids, class_names, limit=4):
    """Shows an image and the masks of its `limit` largest classes in one row; Matterport's signature.

    image: (H, W, 3) uint8 RGB; mask: (H, W, N) bool, 0/1 or 0..1; class_ids: (N,); class_names: a name for every class id
    Where fewer classes have a pixel, the panels left over are empty and called "-".
    """
    mask, class_ids = np.asarray(mask), np.asarray(class_ids, np.int64).reshape(-1)
    if mask.ndim != 3 or mask.shape[2] != len(class_ids):
        raise ValueError(
            f"Every mask needs a class id. Got masks {mask.shape} and {len(class_ids)} class ids; masks are (H, W, N)."
        )
    covered = mask if mask.dtype == bool else mask >= 0.5
    areas = covered.reshape(mask.shape[0] * mask.shape[1], len(class_ids)).sum(0)
    area_of = {class_id: areas[class_ids == class_id].sum() for class_id in np.unique(class_ids)}
    largest = sorted(
        (class_id for class_id in area_of if area_of[class_id]),
        key=lambda class_id: -area_of[class_id],
    )[:limit]
    panels = [_shades(covered, np.flatnonzero(class_ids == class_id)) for class_id in largest]
    titles = [name_of(class_id, class_names) for class_id in largest]
    spare = limit - len(largest)
    display_images(
        [image, *panels, *[np.zeros(mask.shape[:2])] * spare],
        [f"H x W={image.shape[0]}x{image.shape[1]}", *titles, *["-"] * spare],
        cols=limit + 1,
        cmap="Blues_r",
    )


def _shades(covered, instances):
    """(H, W) float32: 0 where there is none of the instances, else a value for each, the last one 1."""
    panel = np.zeros(covered.shape[:2], np.float32)
    for place, i in enumerate(instances, start=1):
        panel[covered[..., i]] = FAINTEST + (1 - FAINTEST) * place / len(instances)
    return panel
