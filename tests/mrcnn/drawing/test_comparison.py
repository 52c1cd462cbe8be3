"""Predictions beside the truth: who was found, who was missed, and by how much."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from mrcnn.drawing import comparison
from mrcnn.drawing.comparison import display_differences, plot_overlaps

IMAGE = np.full((100, 200, 3), 255, np.uint8)
NAMES = ["BG", "circle", "square"]


def compared(gt_class_ids, pred_class_ids, iou_threshold=0.5):
    """Prediction i matches object i, if that is of the same class, with an IoU of 0.75."""
    overlaps = np.full((len(pred_class_ids), len(gt_class_ids)), 0.1)
    np.fill_diagonal(overlaps, 0.75)
    pairs = enumerate(pred_class_ids)
    same = [i < len(gt_class_ids) and gt_class_ids[i] == class_id for i, class_id in pairs]
    match = [i if is_same and iou_threshold <= 0.75 else -1 for i, is_same in enumerate(same)]
    return {"overlaps": overlaps, "pred_match": np.array(match, int)}


def instances(count, class_ids):
    boxes = np.array([(20, 10 + 60 * i, 70, 50 + 60 * i) for i in range(count)]).reshape(-1, 4)
    masks = np.zeros((100, 200, count), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return boxes, np.array(class_ids, np.int64), masks


def shown(monkeypatch, truth, found, scores, iou_threshold=0.5, **options):
    """The keyword arguments and boxes that are handed on to be drawn."""
    seen = {}
    order = [i for i in np.argsort(-np.array(scores), kind="stable") if found[0][i].any()]
    real = truth[0].any(axis=1)
    options |= compared(truth[1][real], found[1][order], iou_threshold)
    monkeypatch.setattr(
        comparison,
        "display_instances",
        lambda image, boxes, *_, **given: seen.update(given, boxes=boxes),
    )
    display_differences(IMAGE, *truth, *found[:2], np.array(scores), found[2], NAMES, **options)
    return seen


def test_captions_say_score_and_iou_and_who_was_missed(monkeypatch):
    seen = shown(monkeypatch, instances(3, [1, 2, 1]), instances(2, [1, 1]), [0.9, 0.8])
    assert seen["captions"] == [
        "",
        "missed: square",
        "missed: circle",
        "circle 0.90 / 0.75",
        "circle 0.80 / 0.75\nno match",
    ]
    assert seen["colors"] == [comparison.GT_COLOR] * 3 + [comparison.PREDICTION_COLOR] * 2


def test_predictions_may_come_in_any_order(monkeypatch):
    boxes, class_ids, masks = instances(2, [1, 2])
    seen = shown(
        monkeypatch,
        (boxes, class_ids, masks),
        (boxes[::-1], class_ids[::-1], masks[..., ::-1]),
        [0.7, 0.9],
    )
    assert seen["captions"] == ["", "", "circle 0.90 / 0.75", "square 0.70 / 0.75"]
    np.testing.assert_array_equal(seen["boxes"][2:], boxes)


def test_padding_takes_no_part(monkeypatch):
    boxes, class_ids, masks = instances(2, [1, 2])
    padded = (
        np.concatenate([boxes, np.zeros((1, 4), int)]),
        np.append(class_ids, 0),
        np.concatenate([masks, masks[..., :1]], -1),
    )
    assert shown(monkeypatch, padded, padded, [0.9, 0.8, 0.0])["captions"] == [
        "",
        "",
        "circle 0.90 / 0.75",
        "square 0.80 / 0.75",
    ]


def test_low_scores_are_left_out_and_counted(monkeypatch):
    seen = shown(monkeypatch, instances(2, [1, 2]), instances(2, [1, 2]), [0.9, 0.4])
    assert seen["captions"] == ["", "missed: square", "circle 0.90 / 0.75"]
    assert "1 predictions with a score below 0.5" in seen["title"]
    assert (
        "below"
        not in shown(
            monkeypatch, instances(2, [1, 2]), instances(2, [1, 2]), [0.9, 0.4], score_threshold=0.1
        )["title"]
    )


def test_the_iou_threshold_is_handed_on(monkeypatch):
    assert (
        "no match"
        in shown(monkeypatch, instances(1, [1]), instances(1, [1]), [0.9], iou_threshold=0.8)[
            "captions"
        ][-1]
    )


@pytest.mark.parametrize(("objects", "predictions"), [(0, 0), (2, 0), (0, 2), (2, 2)])
def test_nothing_to_compare_draws(axes, objects, predictions):
    found = instances(predictions, [1] * predictions)
    display_differences(
        IMAGE,
        *instances(objects, [1] * objects),
        *found[:2],
        np.linspace(1, 0.9, predictions),
        found[2],
        NAMES,
        ax=axes,
        **compared([1] * objects, found[1]),
    )
    assert len(axes.images) == 1


def test_outlines_are_drawn_without_masks_and_boxes(axes):
    found = instances(1, [1])
    display_differences(
        IMAGE,
        *instances(1, [1]),
        *found[:2],
        np.array([0.9]),
        found[2],
        NAMES,
        ax=axes,
        show_mask=False,
        show_box=False,
        **compared([1], [1]),
    )
    picture = np.asarray(axes.images[0].get_array())
    assert (picture[45 * 5, 30 * 5] == 255).all() and (picture[45 * 5, 8 * 5 : 12 * 5] != 255).any()


def cells():
    return [text.get_text() for text in plt.gca().texts]


def test_overlaps_are_written_and_judged():
    plot_overlaps(
        np.array([1, 2]),
        np.array([1, 1]),
        np.array([0.9, 0.8]),
        np.array([[0.75, 0.2], [0.0, 0.6]]),
        NAMES,
    )
    assert cells() == ["0.75\nmatch", "0.20", "0.00", "0.60\nwrong"]
    assert [label.get_text() for label in plt.gca().get_yticklabels()] == [
        "circle 0.90",
        "circle 0.80",
    ]
    assert [label.get_text() for label in plt.gca().get_xticklabels()] == ["circle", "square"]
    assert (plt.gca().get_xlabel(), plt.gca().get_ylabel()) == ("ground truth", "predictions")


def test_the_threshold_of_overlaps_is_exclusive():
    plot_overlaps([1, 2], [1, 1], [0.9, 0.8], [[0.75, 0.2], [0.0, 0.6]], NAMES, threshold=0.6)
    assert cells() == ["0.75\nmatch", "0.20", "0.00", "0.60"]


def test_padding_has_no_row_and_no_column():
    plot_overlaps(
        np.array([1, 0]),
        np.array([0, 2]),
        np.array([0.0, 0.8]),
        np.array([[0.1, 0.2], [0.3, 0.4]]),
        NAMES,
    )
    assert cells() == ["0.30"]
    plot_overlaps(
        np.array([1, 0]), np.array([2, 0]), np.array([0.8, 0.0]), np.array([[0.3]]), NAMES
    )
    assert cells() == ["0.30"]


@pytest.mark.parametrize(("objects", "predictions"), [(0, 0), (2, 0), (0, 2)])
def test_no_overlaps_are_said(objects, predictions):
    plot_overlaps(
        np.ones(objects, int),
        np.ones(predictions, int),
        np.ones(predictions),
        np.zeros((predictions, objects)),
        NAMES,
    )
    assert cells() == [f"{predictions} predictions, {objects} objects"]


def test_a_large_grid_writes_only_what_matters():
    plot_overlaps(np.ones(30, int), np.ones(30, int), np.ones(30), np.eye(30) * 0.8, NAMES)
    assert cells() == ["0.80\nmatch"] * 30


def test_overlaps_the_wrong_way_round_are_refused():
    with pytest.raises(ValueError, match="predictions, objects"):
        plot_overlaps(np.array([1, 2]), np.array([1]), np.array([0.9]), np.zeros((2, 1)), NAMES)
