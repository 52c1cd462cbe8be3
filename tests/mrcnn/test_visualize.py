"""The door `mrcnn.visualize`: Matterport's names and parameters, and the calls that scripts
make."""

import inspect
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402  (after the backend is chosen)

from mrcnn import visualize  # noqa: E402

SIGNATURES = {
    "display_images": "images titles=None cols=4 cmap=None norm=None interpolation=None",
    "random_colors": "N bright=True",
    "apply_mask": "image mask color alpha=0.5",
    "display_instances": "image boxes masks class_ids class_names scores=None title='' "
    "figsize=(16,16) ax=None show_mask=True "
    "show_bbox=True colors=None captions=None",
    "display_differences": "image gt_box gt_class_id gt_mask pred_box pred_class_id pred_score "
    "pred_mask class_names title='' ax=None "
    "show_mask=True show_box=True iou_threshold=0.5 score_threshold=0.5",
    "draw_rois": "image rois refined_rois mask class_ids class_names limit=10",
    "draw_box": "image box color",
    "display_top_masks": "image mask class_ids class_names limit=4",
    "plot_precision_recall": "AP precisions recalls",
    "plot_overlaps": "gt_class_ids pred_class_ids pred_scores overlaps class_names threshold=0.5",
    "draw_boxes": (
        "image boxes=None refined_boxes=None masks=None captions=None "
        "visibilities=None title='' ax=None"
    ),
    "display_table": "table",
    "display_weight_stats": "model",
}
OURS = {
    "random_colors": "seed=None",
    "display_instances": (
        "show_mask_polygon=True show_caption=True save_fig_path=None "
        "filter_classes=None min_score=None"
    ),
}
NAMES = ["BG", "circle", "square"]
IMAGE = np.full((60, 80, 3), 100, np.uint8)
BOXES = np.array([(10, 5, 30, 25), (35, 5, 55, 35)], np.int32)
CLASS_IDS, SCORES = np.array([1, 2], np.int64), np.array([0.9, 0.8], np.float32)
MASKS = np.zeros((60, 80, 2), bool)
MASKS[10:30, 5:25, 0] = MASKS[35:55, 5:35, 1] = True


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


def parameters(function):
    listed = inspect.signature(function).parameters.values()
    return [str(p.replace(annotation=p.empty)).replace(" ", "") for p in listed]


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_parameters_are_matterports_in_their_order(name):
    expected = SIGNATURES[name].split() + OURS.get(name, "").split()
    assert parameters(getattr(visualize, name)) == expected


def test_every_name_of_matterports_is_promised_and_no_other():
    assert sorted(visualize.__all__) == sorted(SIGNATURES)


@pytest.mark.slow
def test_the_door_opens_without_keras_and_without_a_notebook():
    code = (
        "import sys, mrcnn.visualize; "
        "large = {'keras', 'tensorflow', 'jax', 'IPython'} & set(sys.modules); "
        "assert not large, f'drawing loads {large}'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_colors_by_matterports_keyword_and_the_same_for_one_seed():
    assert len(visualize.random_colors(N=3, bright=False)) == 3
    assert visualize.random_colors(5, seed=1) == visualize.random_colors(5, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        lambda: visualize.display_instances(IMAGE, BOXES, MASKS, CLASS_IDS, NAMES),
        lambda: visualize.display_instances(
            IMAGE, BOXES, MASKS, CLASS_IDS, NAMES, SCORES, title="photo", figsize=(4, 4)
        ),
        lambda: visualize.display_instances(
            IMAGE, BOXES, MASKS, CLASS_IDS, NAMES, SCORES, ax=plt.subplots()[1]
        ),
        lambda: visualize.display_instances(
            IMAGE, BOXES, MASKS, CLASS_IDS, NAMES, figsize=(4, 4), ax=plt.subplots()[1]
        ),
        lambda: visualize.display_instances(
            IMAGE, BOXES[:0], np.zeros((60, 80, 0)), CLASS_IDS[:0], NAMES, SCORES[:0]
        ),
        lambda: visualize.display_instances(
            IMAGE,
            BOXES,
            MASKS,
            CLASS_IDS,
            NAMES,
            SCORES,
            show_mask=False,
            show_mask_polygon=False,
            min_score=0.85,
        ),
        lambda: visualize.display_top_masks(IMAGE, MASKS, CLASS_IDS, NAMES, limit=4),
        lambda: visualize.display_top_masks(IMAGE, MASKS.astype(np.uint8), CLASS_IDS, NAMES),
        lambda: visualize.display_images([IMAGE] * 3, titles=["a", "b", "c"], cols=2),
        lambda: visualize.display_differences(
            IMAGE,
            BOXES,
            CLASS_IDS,
            MASKS,
            BOXES,
            CLASS_IDS,
            SCORES,
            MASKS,
            NAMES,
            ax=plt.subplots()[1],
            show_box=False,
            show_mask=False,
            iou_threshold=0.5,
            score_threshold=0.5,
        ),
        lambda: visualize.plot_overlaps(CLASS_IDS, CLASS_IDS, SCORES, np.eye(2), NAMES),
        lambda: visualize.plot_precision_recall(0.5, np.array([1.0, 0.0]), np.array([0.5, 1.0])),
        lambda: visualize.draw_boxes(
            IMAGE, BOXES * 1.3, refined_boxes=BOXES, captions=["a", "b"], visibilities=[1, 2]
        ),
        lambda: visualize.draw_boxes(IMAGE, boxes=BOXES, masks=MASKS, ax=plt.subplots()[1]),
        lambda: visualize.draw_rois(
            IMAGE, BOXES, BOXES + 2, np.ones((2, 28, 28)), np.array([1, 0]), NAMES, limit=10
        ),
    ],
)
@pytest.mark.filterwarnings("error")
def test_calls_that_scripts_make(call):
    assert call() is None
    assert plt.gcf().axes[0].images or plt.gcf().axes[0].lines
    plt.gcf().canvas.draw()


def test_arrays_are_painted_in_place():
    image = IMAGE.copy()
    assert visualize.apply_mask(image, MASKS[..., 0], (1.0, 0.0, 0.0)) is image and image[
        20, 15
    ].tolist() == [177, 50, 50]
    assert visualize.draw_box(image, BOXES[1], [0, 0, 255]) is image and image[35, 5].tolist() == [
        0,
        0,
        255,
    ]


def test_differences_are_those_of_the_evaluation(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "mrcnn.drawing.comparison.display_instances",
        lambda *_, captions, **__: seen.extend(captions),
    )
    shifted = np.roll(MASKS, 4, axis=1)  # 16 of 24 columns in common, and 26 of 34
    visualize.display_differences(
        IMAGE, BOXES, CLASS_IDS, MASKS, BOXES, CLASS_IDS, SCORES, shifted, NAMES, iou_threshold=0.7
    )
    assert seen == ["missed: circle", "", "circle 0.90 / 0.67\nno match", "square 0.80 / 0.76"]


def test_rois_follow_numpys_seed():
    pictures = []
    for _ in range(2):
        np.random.seed(3)
        visualize.draw_rois(IMAGE, BOXES, BOXES, np.ones((2, 28, 28)), CLASS_IDS, NAMES, limit=1)
        pictures.append(np.asarray(plt.gca().images[0].get_array()))
    np.testing.assert_array_equal(*pictures)


def test_a_figure_is_shown_where_there_is_a_window_and_no_axes(monkeypatch):
    shown = []
    monkeypatch.setattr(matplotlib, "get_backend", lambda: "qtagg")
    monkeypatch.setattr(plt, "show", lambda: shown.append(1))
    visualize.display_instances(IMAGE, BOXES, MASKS, CLASS_IDS, NAMES, ax=plt.subplots()[1])
    assert shown == []
    visualize.display_instances(IMAGE, BOXES, MASKS, CLASS_IDS, NAMES)
    assert shown == [1]


def test_a_table_is_printed_in_a_terminal(capsys):
    visualize.display_table([["name", "n"], ["circle", 3]])
    assert capsys.readouterr().out == "name    n\n------  -\ncircle  3\n"


def test_a_table_is_html_in_a_notebook(monkeypatch):
    display = pytest.importorskip("IPython.display")
    shown = []
    monkeypatch.setattr(visualize.tables, "in_notebook", lambda: True)
    monkeypatch.setattr(display, "display", shown.append)
    visualize.display_table([["name"], ["a < b"]])
    assert "a &lt; b" in shown[0].data


def test_weight_stats_list_every_weight_of_the_network(capsys):
    import keras

    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, name="alive"),
            keras.layers.Dense(2, name="dead", kernel_initializer="zeros"),
        ]
    )

    class Model:
        keras_model = network

    visualize.display_weight_stats(Model())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [
        ["alive", "kernel"],
        ["alive", "bias"],
        ["dead", "kernel"],
        ["dead", "bias"],
    ]
    assert [line.endswith("*** dead?") for line in lines[2:]] == [False, False, True, False]


def test_top_masks_take_the_further_labels_of_a_fork(monkeypatch):
    shown = []
    monkeypatch.setattr(
        visualize.figures,
        "display_top_masks",
        lambda *given, **by_name: shown.append((given, by_name)),
    )
    visualize.display_top_masks(IMAGE, MASKS, CLASS_IDS, NAMES, 3)
    ids, names = np.zeros((2, 5)), ["long"] * 5
    visualize.display_top_masks(IMAGE, MASKS, CLASS_IDS, ids, NAMES, names, limit=2)
    visualize.display_top_masks(IMAGE, MASKS, CLASS_IDS, ids, NAMES, names, 1)
    assert [(given[3:], by_name) for given, by_name in shown] == [
        ((NAMES, 3), {}),
        ((NAMES,), {"limit": 2}),
        ((NAMES, 1), {}),
    ]
