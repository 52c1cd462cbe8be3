"""Figures: what is drawn where, and that it can be read."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from fashion.evaluation.report import figures

RECALLS = np.linspace(0, 1, 101)
CURVE = {"50": 1 - RECALLS, "75": (1 - RECALLS) / 2, "mean": np.full(101, -1.0)}
GRID = {
    "score_thresholds": [0.05, 0.5, 0.9],
    "attribute_thresholds": [0.4, 0.6],
    "metric": "mask AP",
    "values": [[0.2, 0.3], [0.41, 0.1], [-1, 0.0]],
}


@pytest.fixture(scope="module")
def drawn():
    made = {
        "line": figures.line_figure(
            {"a": ([0, 1], [0.2, 0.4]), "b": ([0, 1], [1.0, 0.0])}, "x", "y"
        ),
        "precision_recall": figures.precision_recall_figure(
            {"masks": CURVE, "boxes": CURVE}, RECALLS
        ),
        "panels": figures.precision_recall_panels(
            {f"category {i}": CURVE for i in range(46)}, RECALLS
        ),
        "precision": figures.precision_heat_map(
            np.full((10, 10), 0.5), [0.5 + 0.05 * i for i in range(10)]
        ),
        "grid": figures.grid_heat_map(GRID),
        "large grid": figures.grid_heat_map(
            {
                "score_thresholds": np.arange(30) / 30,
                "attribute_thresholds": np.arange(30) / 30,
                "metric": "AP",
                "values": np.eye(30),
            }
        ),
    }
    for figure in made.values():
        figure.draw_without_rendering()
    return made


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize(
    "name", ["line", "precision_recall", "panels", "precision", "grid", "large grid"]
)
def test_text_is_large_enough_and_inside_the_page(drawn, name):
    figure = drawn[name]
    assert min(text.get_fontsize() for text in texts(figure)) >= 9
    assert figure.get_figwidth() <= figures.MAX_WIDTH
    drawn_box, sheet = figure.get_tightbbox(), figure.bbox_inches.padded(0.02)
    assert sheet.contains(*drawn_box.min) and sheet.contains(*drawn_box.max)


@pytest.mark.parametrize("name", ["precision", "grid", "large grid"])
def test_labels_of_an_axis_do_not_overlap(drawn, name):
    axes = drawn[name].axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels if label.get_text()]
        assert len(boxes) > 1 and not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:]))


def test_numbers_in_cells_do_not_overlap(drawn):
    boxes = [text.get_window_extent() for text in drawn["precision"].axes[0].texts]
    assert len(boxes) == 100 and not any(
        a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :]
    )


def test_the_best_cell_of_a_grid_is_framed():
    axes = figures.grid_heat_map(GRID).axes[0]
    (frame,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == (
        (0, 1),
        1,
        1,
    )  # column 0, row 1
    assert figures.best_cell(GRID) == (1, 0)
    assert axes.get_title(loc="left") == "best: 0.410 at score 0.5, attribute 0.4"


def test_a_grid_is_read_like_its_table():
    axes = figures.grid_heat_map(GRID).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.05", "0.5", "0.9"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.4", "0.6"]
    assert {text.get_position(): text.get_text() for text in axes.texts} == {
        (0.5, 0.5): ".200",
        (1.5, 0.5): ".300",
        (0.5, 1.5): ".410",
        (1.5, 1.5): ".100",
        (0.5, 2.5): "–",
        (1.5, 2.5): ".000",
    }
    assert axes.yaxis_inverted()  # the first row is at the top


def test_a_large_grid_has_no_numbers_in_its_cells(drawn):
    assert len(drawn["large grid"].axes[0].texts) == 0


@pytest.mark.parametrize("values", [[[-1.0, -1.0]], [[0.3, 0.3]], [[0.0, 0.0]]])
def test_a_grid_without_differences_is_drawn(values):
    figure = figures.grid_heat_map(
        {
            "score_thresholds": [0.5],
            "attribute_thresholds": [0.4, 0.6],
            "metric": "AP",
            "values": values,
        }
    )
    figure.draw_without_rendering()
    assert len(figure.axes[0].texts) == 2


@pytest.mark.parametrize("values", [[[0.1, 0.2]], [[0.1], [0.2]], []])
def test_a_grid_of_another_shape_is_refused(values):
    with pytest.raises(ValueError, match=r"3 x 2.*Got values of shape"):
        figures.grid_heat_map(GRID | {"values": values})


def test_text_in_cells_has_contrast():
    """Of black and white, each cell has the one that stands out more from its own colour."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    def luminance(color):
        channel = np.asarray(to_rgb(color))
        linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    def contrast(a, b):
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    values = np.linspace(0, 1, 21).reshape(3, 7)
    figure = figures.grid_heat_map(
        {
            "values": values.tolist(),
            "score_thresholds": [0.1, 0.2, 0.3],
            "attribute_thresholds": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
            "metric": "score",
        }
    )
    texts = figure.axes[0].texts
    assert len(texts) == 21
    for text, value in zip(texts, values.ravel()):
        cell = colormaps["Blues"](value)[:3]
        assert contrast(text.get_color(), cell) >= 4.5, value


def test_a_curve_has_gaps_where_nothing_is_to_be_found():
    figure = figures.precision_recall_figure({"masks": CURVE}, RECALLS)
    at_50, at_75, mean = figure.axes[0].lines
    np.testing.assert_array_equal(at_50.get_ydata(), CURVE["50"])
    np.testing.assert_array_equal(at_75.get_ydata(), CURVE["75"])
    assert np.isnan(mean.get_ydata()).all()


def test_every_category_has_a_panel_in_the_order_given():
    titles = [f"category {i}" for i in range(7)]
    axes = figures.precision_recall_panels(dict.fromkeys(titles, CURVE), RECALLS).axes
    assert [a.get_title(loc="left") for a in axes] == titles
    assert [a.get_xlabel() for a in axes] == [
        "",
        "",
        "recall",
        "recall",
        "recall",
        "recall",
        "recall",
    ]  # those with nothing below
