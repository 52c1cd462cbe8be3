"""Fusion: by hand, and equal to ensemble-boxes 1.0.9: to 32 stored cases, and to 1,000 random ones
where that package is installed. It requires numba, 200 MB, so the tests do not install it.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from mrcnn.inference.fusion import Fused, FusionSettings, fuse, weighted_mean

# Made by `python tests/mrcnn/inference/test_fusion.py`.
STORED = Path(__file__).with_name("fusion_cases.json")
OUR_NAMES = {1: "soft_linear", 2: "soft_gaussian", 3: "nms"}


def found(boxes, scores, class_ids=None):
    return {"boxes": boxes, "scores": scores, "class_ids": class_ids or [1] * len(scores)}


# Two members see one object, IoU .8; the second also sees another one.
FIRST = found([[0, 0, 10, 10]], [0.9])
SECOND = found([[0, 2, 10, 10], [20, 20, 30, 30]], [0.6, 0.5])


def test_nms_keeps_the_most_confident_of_each_object():
    fused = fuse([FIRST, SECOND], FusionSettings("nms", iou_threshold=0.5))
    assert fused.boxes.tolist() == [[0, 0, 10, 10], [20, 20, 30, 30]]
    np.testing.assert_allclose(fused.scores, [0.9, 0.5], rtol=1e-6)
    assert fused.clusters.tolist() == [0, 0, 1]
    np.testing.assert_allclose(fused.shares, [0.6, 0.4, 1])


def test_wbf_averages_boxes_by_score_and_what_one_of_two_members_finds_loses_half():
    fused = fuse([FIRST, SECOND], FusionSettings("wbf", iou_threshold=0.5))
    np.testing.assert_allclose(fused.boxes, [[0, 0.8, 10, 10], [20, 20, 30, 30]], rtol=1e-6)
    np.testing.assert_allclose(fused.scores, [0.75, 0.25])
    assert fused.clusters.tolist() == [0, 0, 1]


def test_soft_nms_lowers_the_score_of_what_overlaps():
    linear = fuse([FIRST, SECOND], FusionSettings("soft_linear", iou_threshold=0.5))
    np.testing.assert_allclose(linear.scores, [0.9, 0.5, 0.12], rtol=1e-6)
    gaussian = fuse([FIRST, SECOND], FusionSettings("soft_gaussian", sigma=0.5))
    np.testing.assert_allclose(gaussian.scores, [0.9, 0.5, 0.6 * np.exp(-1.28)], rtol=1e-6)
    assert gaussian.clusters.tolist() == [0, 2, 1]


def test_what_soft_nms_drops_belongs_to_what_it_overlaps_most():
    fused = fuse([FIRST, SECOND], FusionSettings("soft_linear", iou_threshold=0.5, min_score=0.2))
    assert fused.clusters.tolist() == [0, 0, 1]


@pytest.mark.parametrize("method", sorted(OUR_NAMES.values()) + ["wbf"])
def test_detections_of_different_classes_do_not_meet(method):
    other = found([[0, 0, 10, 10]], [0.8], [2])
    fused = fuse([FIRST, other], FusionSettings(method), weights=[1, 1])
    assert fused.class_ids.tolist() == [1, 2] and len(fused.boxes) == 2


def test_weights_may_depend_on_the_class():
    """The second member alone decides about class 2, and has no say in class 1."""
    members = [
        found([[0, 0, 10, 10], [20, 20, 30, 30]], [0.5, 0.9], [1, 2]),
        found([[0, 2, 10, 10], [20, 20, 30, 29]], [0.8, 0.4], [1, 2]),
    ]
    fused = fuse(members, weights=[[0, 1, 0], [0, 0, 3]])
    assert fused.boxes.tolist() == [[0, 0, 10, 10], [20, 20, 30, 29]]
    np.testing.assert_allclose(fused.scores, [0.5, 0.4])
    assert fused.clusters.tolist() == [0, -1, -1, 1]


def test_a_field_is_averaged_by_score_and_member():
    fused = fuse([FIRST, SECOND], weights=[2, 1])
    values = fused.average([np.array([[1.0, 0]]), np.array([[0.0, 4], [3, 3]])])
    np.testing.assert_allclose(values, [[0.75, 1], [3, 3]], rtol=1e-6)
    np.testing.assert_allclose(weighted_mean([np.ones(2), np.zeros(2)], [3, 1]), 0.75)


@pytest.mark.parametrize("method", ["nms", "wbf"])
def test_two_equal_members_are_one(method):
    """Boxes far apart, so that no box of a member meets another one of its own."""
    alone = found([[0, 0, 10, 10], [20, 20, 30, 30]], [0.9, 0.3])
    fused = fuse([alone, alone], FusionSettings(method))
    np.testing.assert_allclose(fused.boxes, alone["boxes"])
    np.testing.assert_allclose(fused.scores, alone["scores"], rtol=1e-6)


def test_the_best_are_kept_and_what_was_in_others_is_in_none():
    fused = fuse([FIRST, SECOND], max_outputs=1)
    assert len(fused.boxes) == 1 and fused.clusters.tolist() == [0, 0, -1]
    assert fused.shares[2] == 0


@pytest.mark.parametrize("method", sorted(OUR_NAMES.values()) + ["wbf"])
def test_nothing_is_fused_to_nothing(method):
    empty = found(np.zeros((0, 4)), [])
    fused = fuse([empty, empty], FusionSettings(method), weights=np.ones((2, 5)))
    assert isinstance(fused, Fused) and fused.boxes.shape == (0, 4)
    assert fused.average([np.zeros((0, 7))] * 2).shape == (0, 7)
    flat = fuse([found([[5, 5, 5, 9]], [0.9])], FusionSettings(method))
    assert len(flat.boxes) == 0 and flat.clusters.tolist() == [-1]


@pytest.mark.parametrize(
    ("members", "weights", "message"),
    [
        ([], None, "at least one"),
        ([found([[0, 0, 1, 1]], [0.5, 0.5])], None, "Member 0 has 1 boxes"),
        ([found([[0, 0, 1, np.nan]], [0.5])], None, "not finite"),
        ([FIRST, SECOND], [1, 1, 1], r"Expected weights of shape \(2,\)"),
        ([FIRST, SECOND], [1, -1], "at least 0"),
    ],
)
def test_arrays_that_do_not_fit_are_told(members, weights, message):
    with pytest.raises(ValueError, match=message):
        fuse(members, weights=weights)


@pytest.mark.parametrize(
    "values", [{"method": "mean"}, {"wbf_score": "sum"}, {"iou_threshold": 1}, {"sigma": 0}]
)
def test_settings_that_mean_nothing_are_told(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        FusionSettings(**values)


# ---- ensemble-boxes ------------------------------------------------------------------------------


def random_case(seed):
    """Members (xyxy boxes in 0..1, scores, classes) that see the same few objects; weights; IoU."""
    rng = np.random.default_rng(seed)
    objects = rng.uniform(0.1, 0.6, (rng.integers(1, 5), 2))
    objects = np.concatenate([objects, objects + rng.uniform(0.1, 0.3, objects.shape)], axis=1)
    members = []
    for _ in range(rng.integers(1, 5)):
        chosen = rng.integers(0, len(objects), rng.integers(1, 9))
        boxes = objects[chosen] + rng.normal(0, 0.015, (len(chosen), 4))
        scores = rng.uniform(0.01, 1, len(chosen))
        members.append([np.round(boxes, 4), np.round(scores, 6), rng.integers(1, 4, len(chosen))])
    weights = None if seed % 3 == 0 else np.round(rng.uniform(0.2, 3, len(members)), 3)
    return members, weights, float(rng.choice([0.3, 0.5, 0.6, 0.7]))


def references(members, weights, iou):
    """What ensemble-boxes says: boxes, scores and classes by the name of our method."""
    from ensemble_boxes import weighted_boxes_fusion
    from ensemble_boxes.ensemble_boxes_nms import cpu_soft_nms_float, nms_method

    boxes, scores, labels = (list(column) for column in zip(*members))
    found = {}
    for ours, theirs in {"wbf avg": "avg", "wbf max": "max"}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[ours] = weighted_boxes_fusion(
                boxes, scores, labels, weights, iou_thr=iou, conf_type=theirs
            )
    shares = np.ones(len(boxes)) if weights is None else weights / np.sum(weights)
    found["nms"] = nms_method(boxes, list(scores), labels, iou_thr=iou, weights=weights)
    everything = [np.concatenate(column) for column in (boxes, scores, labels)]
    weighted = np.concatenate([s * share for s, share in zip(scores, shares)])
    for method in (1, 2):
        # Its `soft_nms` returns the scores as they were; its inner function lowers them in place.
        parts = []
        for label in np.unique(everything[2]):
            rows = np.flatnonzero(everything[2] == label)
            lowered = weighted[rows].copy()
            kept = cpu_soft_nms_float(everything[0][rows], lowered, iou, 0.5, 0.001, method)
            parts.append((everything[0][rows][kept], lowered[lowered > 0.001], [label] * len(kept)))
        found[OUR_NAMES[method]] = tuple(np.concatenate(column) for column in zip(*parts))
    return found


def assert_equal(name, expected, members, weights, iou):
    method, _, wbf_score = name.partition(" ")
    # ensemble-boxes divides weights by their sum, and we by the largest.
    scale = 1.0 if weights is None or method == "wbf" else np.sum(weights) / np.max(weights)
    settings = FusionSettings(method, iou, 0.5, 0.001 * scale, wbf_score or "avg")
    yxyx = [1, 0, 3, 2]
    ours = [found(np.asarray(b)[:, yxyx], np.array(s), list(c)) for b, s, c in members]
    fused = fuse(ours, settings, weights=weights)
    rows = np.column_stack([fused.class_ids, fused.scores / scale, fused.boxes[:, yxyx]])
    boxes, scores, labels = (np.asarray(column) for column in expected)
    theirs = np.column_stack([labels, scores, boxes])
    assert rows.shape == theirs.shape
    order, their_order = (np.lexsort((r[:, 1], r[:, 0])) for r in (rows, theirs))
    np.testing.assert_allclose(rows[order], theirs[their_order], rtol=0, atol=1e-6)


def test_stored_cases_equal_ensemble_boxes():
    cases = json.loads(STORED.read_text())
    assert len(cases) == 32
    for case in cases:
        for name, expected in case["expected"].items():
            assert_equal(name, expected, case["members"], case["weights"], case["iou"])


def test_random_cases_equal_ensemble_boxes():
    pytest.importorskip("ensemble_boxes", reason="ensemble-boxes 1.0.9 is not installed")
    for seed in range(1000):
        case = random_case(seed)
        for name, expected in references(*case).items():
            assert_equal(name, expected, *case)


def main():
    """Stores cases with what ensemble-boxes makes of them."""
    cases = []
    for seed in range(32):
        members, weights, iou = random_case(10_000 + seed)
        expected = {
            name: [np.round(column, 8).tolist() for column in columns]
            for name, columns in references(members, weights, iou).items()
        }
        cases.append(
            {
                "members": [[np.asarray(column).tolist() for column in own] for own in members],
                "weights": None if weights is None else weights.tolist(),
                "iou": iou,
                "expected": expected,
            }
        )
    lines = (json.dumps(case, separators=(",", ":")) for case in cases)
    STORED.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
