"""The front door for `from mrcnn import visualize`: Matterport's names, leading to where the drawing is done.

`display_*` show what they draw where there is a window or a notebook, unless they are handed axes. `draw_boxes`, `draw_rois` and
`plot_*` leave a figure to `plt.show()` or `plt.savefig`, as Matterport's do.
"""

import functools
import logging

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


def random_colors(N, bright=True, seed=None):
    """Matterport's name for its count: N shuffled (r, g, b) of floats 0..1, the same every time for one `seed`."""
    return colors.random_colors(N, bright, seed)


@functools.wraps(figures.display_top_masks)
def display_top_masks(image, mask, class_ids, *names, **options):
    """`mrcnn.drawing.figures.display_top_masks`; it also takes the arguments of a fork.

    That one has further labels: image, mask, class_ids, their ids, class_names, their names.
    """
    if len(names) > 2:
        _, class_names, _, *limit = names
        names = class_names, *limit
        log.warning("display_top_masks shows the classes; the further labels are left out.")
    figures.display_top_masks(image, mask, class_ids, *names, **options)


def display_differences(
    image,
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    class_names,
    title="",
    ax=None,
    show_mask=True,
    show_box=True,
    iou_threshold=0.5,
    score_threshold=0.5,
):
    """Truth in green, predictions in red; see `mrcnn.drawing.comparison.display_differences`."""
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
        iou_threshold,
        score_threshold,
        compare=compare,
    )


def draw_rois(image, rois, refined_rois, mask, class_ids, class_names, limit=10):
    """Some rois and what became of them, picked by NumPy's global generator; see `mrcnn.drawing.refinements.draw_rois`."""
    refinements.draw_rois(
        image,
        rois,
        refined_rois,
        mask,
        class_ids,
        class_names,
        limit,
        paste=paste_window,
        rng=np.random,
    )


def display_table(table):
    """Shows a list of rows, the first the heading: as HTML in a notebook, printed elsewhere."""
    if tables.in_notebook():
        from IPython.display import HTML, display

        display(HTML(tables.html_table(table)))
    else:
        print(tables.text_table(table))


def display_weight_stats(model):
    """Shows the range of every weight of `model.keras_model`, and marks those that look dead or exploded.  model: a `MaskRCNN`."""
    # Here, so that drawing works without the seconds that Keras takes to load; whoever has a model has loaded it.
    from mrcnn.weights.layer_files import own_weights, weight_layers

    # In the order of the network, which the walk over its layers does not keep.
    places = {id(weight): place for place, weight in enumerate(model.keras_model.weights)}
    layers = sorted(
        weight_layers(model.keras_model).items(),
        key=lambda item: places[id(own_weights(item[1])[0])],
    )
    display_table(
        weight_rows(
            {
                name: [(weight.name, np.asarray(weight)) for weight in own_weights(layer)]
                for name, layer in layers
            }
        )
    )
