"""Figures keep Matterport's signature, work without a screen, and show every curve."""

import inspect
import logging
import math

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402  (after the backend is chosen)

from mrcnn.drawing.figures import display_images, display_instances, plot_history  # noqa: E402

IMAGE = np.full((60, 40, 3), 100, np.uint8)


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


def instances():
    masks = np.zeros((60, 40, 2), np.uint8)
    masks[10:30, 5:25, 0] = 1
    masks[35:55, 5:35, 1] = 1
    return np.array([(10, 5, 30, 25), (35, 5, 55, 35)]), masks, np.array([1, 2]), ["BG", "coat", "shoe"]


def test_the_signature_is_matterports():
    assert str(inspect.signature(display_instances)) == (
        "(image, boxes, masks, class_ids, class_names, scores=None, title='', figsize=(16, 16), ax=None, "
        "show_mask=True, show_bbox=True, colors=None, captions=None)")


@pytest.mark.filterwarnings("error")
def test_without_axes_a_figure_is_left_open_for_saving():
    display_instances(IMAGE, *instances(), scores=np.array([0.9, 0.8]), title="two", figsize=(3, 3))
    assert plt.gcf().axes[0].get_title() == "two"


def test_axes_keep_the_pixels_of_the_image():
    axes = plt.subplots()[1]
    display_instances(IMAGE, *instances(), ax=axes)
    assert axes.get_xlim() == (-0.5, 39.5) and axes.get_ylim() == (59.5, -0.5)


def test_no_instances_are_said_in_the_log(caplog):
    with caplog.at_level(logging.WARNING):
        display_instances(IMAGE, np.zeros((0, 4), int), np.zeros((60, 40, 0)), np.zeros(0, int), ["BG"])
    assert "No instances to display" in caplog.text
    assert len(plt.gcf().axes[0].images) == 1


def shown(*arguments, **options):
    axes = plt.subplots()[1]
    display_instances(*arguments, ax=axes, **options)
    return axes.images[0].get_array()


def test_padding_is_not_drawn():
    boxes, masks, class_ids, names = instances()
    padded = shown(
        IMAGE,
        np.concatenate([boxes, np.zeros((3, 4), int)]),
        np.concatenate([masks, np.zeros((60, 40, 3), np.uint8)], -1),
        np.append(class_ids, [0, 0, 0]),
        names,
    )
    np.testing.assert_array_equal(padded, shown(IMAGE, boxes, masks, class_ids, names))


def test_masks_and_boxes_can_be_left_out():
    plain = shown(IMAGE, *instances(), show_mask=False, show_bbox=False, captions=["", ""])
    assert (plain[-200:, -50:] == 100).all()
    assert (shown(IMAGE, *instances()) != plain).any()


def test_a_missing_mask_is_named():
    boxes, masks, class_ids, names = instances()
    with pytest.raises(ValueError, match="Every box needs"):
        display_instances(IMAGE, boxes, masks[..., :1], class_ids, names)


def test_images_are_shown_side_by_side():
    display_images([IMAGE, IMAGE[..., 0]], titles=["a", "b"], cols=2, cmap="gray")
    assert [axes.get_title() for axes in plt.gcf().axes] == ["a", "b"]


def test_validation_joins_the_panel_of_its_loss():
    figure = plot_history({"loss": [3, 2, 1], "val_loss": [4, 3, 2], "rpn_class_loss": [1, 1, 1],
                           "learning_rate": [0.1, 0.1, 0.01]})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "rpn class loss", "learning rate"]
    assert [len(axes.lines) for axes in figure.axes] == [2, 1, 1]
    assert figure.axes[0].lines[1].get_ydata().tolist() == [4, 3, 2]


def test_epochs_without_a_value_are_left_out():
    figure = plot_history({"loss": [3, 2, 1], "val_loss": [None, 2.5, math.nan]})
    assert figure.axes[0].lines[1].get_xdata().tolist() == [2]


@pytest.mark.parametrize("scores", [{2: 0.1, 4: 0.2}, [None, 0.1, None, 0.2], {"AP": {2: 0.1, 4: 0.2}}])
def test_the_score_has_its_own_panel(scores):
    axes = plot_history({"loss": [3, 2, 1, 1]}, scores).axes[-1]
    assert axes.get_title(loc="left") == "average precision"
    assert axes.lines[0].get_xdata().tolist() == [2, 4] and axes.lines[0].get_ydata().tolist() == [0.1, 0.2]


def test_a_history_leaves_no_open_figure_and_saves(tmp_path):
    plot_history({"loss": [1.0]}).savefig(tmp_path / "history.png")
    assert plt.get_fignums() == [] and (tmp_path / "history.png").stat().st_size > 1000


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match="at least one epoch"):
        plot_history({})
