"""The front door for `from mrcnn import visualize`: Matterport's names for `mrcnn.drawing`.

`display_*` show what they draw in a window or a notebook, unless they are given axes. `draw_boxes`,
`draw_rois` and `plot_*` leave a figure for `plt.show()` or `plt.savefig`, as Matterport's do.
"""

import functools
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.drawing import colors, comparison, figures, refinements, tables
from mrcnn.drawing.comparison import plot_overlaps
from mrcnn.drawing.figures import display_images, display_instances
from mrcnn.drawing.overlays import apply_mask, draw_box
from mrcnn.drawing.plots import plot_precision_recall
from mrcnn.drawing.refinements import draw_boxes
from mrcnn.drawing.tables import weight_rows
from mrcnn.evaluation.instance_ap import compare
from mrcnn.inference.pasting import paste_window
from mrcnn.typing import Array

log = logging.getLogger(__name__)

__all__ = [
    "apply_mask",
    "display_differences",
    "display_images",
    "display_instances",
    "display_table",
    "display_top_masks",
    "display_weight_stats",
    "draw_box",
    "draw_boxes",
    "draw_rois",
    "plot_overlaps",
    "plot_precision_recall",
    "random_colors",
]


def random_colors(
    N: int, bright: bool = True, seed: int | None = None
) -> list[tuple[float, float, float]]:
    """Makes distinct colors.

    Args:
        N: Their number.
        bright: Use full brightness.
        seed: The same colors for the same seed; None for random ones.

    Returns:
        (r, g, b) in 0..1, shuffled.
    """
    return colors.random_colors(N, bright, seed)


@functools.wraps(figures.display_top_masks)
def display_top_masks(
    image: Array, mask: Array, class_ids: Array, *names: Any, **options: Any
) -> None:
    """Shows the largest masks, see `mrcnn.drawing.figures.display_top_masks`.

    Takes the arguments of a fork as well, which has further labels: image, mask, class_ids, their
    ids, class_names, their names.

    Args:
        image: `(H, W, 3)` uint8.
        mask: `(H, W, N)`.
        class_ids: `(N,)`.
        *names: The other arguments.
        **options: Likewise.
    """
    if len(names) > 2:
        _, class_names, _, *limit = names
        names = (class_names, *limit)
        log.warning("display_top_masks shows the classes; the further labels are left out.")
    figures.display_top_masks(image, mask, class_ids, *names, **options)


def display_differences(
    image: Array,
    gt_box: Array,
    gt_class_id: Array,
    gt_mask: Array,
    pred_box: Array,
    pred_class_id: Array,
    pred_score: Array,
    pred_mask: Array,
    class_names: Sequence[str],
    title: str = "",
    ax: Any = None,
    show_mask: bool = True,
    show_box: bool = True,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.5,
) -> None:
    """Shows ground truth in green and predictions in red, see `mrcnn.drawing.comparison`.

    Args:
        image: `(H, W, 3)` uint8.
        gt_box: `(M, 4)` yxyx.
        gt_class_id: `(M,)`.
        gt_mask: `(H, W, M)`.
        pred_box: `(N, 4)` yxyx.
        pred_class_id: `(N,)`.
        pred_score: `(N,)`.
        pred_mask: `(H, W, N)`.
        class_names: Names by class id.
        title: Of the figure.
        ax: Axes to draw into; None makes a figure and shows it.
        show_mask: Draw masks.
        show_box: Draw boxes.
        iou_threshold: Least IoU of a match.
        score_threshold: Predictions with a lower score are left out.
    """
    gt_box, pred_box = (np.asarray(box).reshape(-1, 4) for box in (gt_box, pred_box))
    gt_class_id, pred_class_id, pred_score = (
        np.asarray(column).reshape(-1) for column in (gt_class_id, pred_class_id, pred_score)
    )
    compared = compare(gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask)
    comparison.display_differences(
        image,
        gt_box,
        gt_class_id,
        gt_mask,
        pred_box,
        pred_class_id,
        pred_score,
        pred_mask,
        class_names,
        title,
        ax,
        show_mask,
        show_box,
        score_threshold,
        overlaps=compared.overlaps,
        pred_match=compared.matches(iou_threshold)[1],
    )


def draw_rois(
    image: Array,
    rois: Array,
    refined_rois: Array,
    mask: Array,
    class_ids: Array,
    class_names: Sequence[str],
    limit: int = 10,
) -> None:
    """Draws RoIs with their refined boxes, see `mrcnn.drawing.refinements.draw_rois`.

    Args:
        image: `(H, W, 3)` uint8.
        rois: `(N, 4)` yxyx.
        refined_rois: `(N, 4)` yxyx.
        mask: `(N, h, w)`.
        class_ids: `(N,)`.
        class_names: Names by class id.
        limit: RoIs to draw, picked by NumPy's global generator.
    """
    windows = None
    if mask is not None:
        windows = [paste_window(m, box, np.shape(image)[:2]) for m, box in zip(mask, rois)]
    refinements.draw_rois(
        image, rois, refined_rois, windows, class_ids, class_names, limit, rng=np.random
    )


def display_table(table: Sequence[Sequence[Any]]) -> None:
    """Shows a table as HTML in a notebook, or prints it.

    Args:
        table: Rows; the first is the heading.
    """
    if tables.in_notebook():
        from IPython.display import HTML, display

        display(HTML(tables.html_table(table)))
    else:
        print(tables.text_table(table))


def display_weight_stats(model: Any) -> None:
    """Shows the range of every weight, and marks those that look dead or exploded.

    Args:
        model: A `MaskRCNN`; its `keras_model` is shown.
    """
    # Imported here: drawing alone need not wait for Keras, and whoever has a model has loaded it.
    from mrcnn.weights.layer_files import own_weights, weight_layers

    # In the order of the network, which the walk over its layers does not keep.
    places = {id(weight): place for place, weight in enumerate(model.keras_model.weights)}
    layers = sorted(
        weight_layers(model.keras_model).items(),
        key=lambda item: places[id(own_weights(item[1])[0])],
    )
    arrays = {}
    for name, layer in layers:
        arrays[name] = [(weight.name, np.asarray(weight)) for weight in own_weights(layer)]
    display_table(weight_rows(arrays))
