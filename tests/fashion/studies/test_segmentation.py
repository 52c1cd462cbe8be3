"""The study: which runs there are, which are best, and the score of saying nothing."""

import numpy as np
import pytest

from fashion.studies.segmentation import REPORTED, Variant, best, only_background, variants
from mrcnn.evaluation.semantic_iou import confusion, pixel_scores


def test_the_report_has_twelve_runs():
    runs = variants(REPORTED, 256)
    assert len(runs) == len({run.name for run in runs}) == 12
    assert (
        runs[0] == Variant("unet", "ce", "adam", 256)
        and runs[0].title == "U-Net, cross-entropy, Adam"
    )


def test_optimisers_have_the_rates_of_the_report():
    adam, sgd = (Variant("unet", "ce", name, 256).make_optimizer(9) for name in ("adam", "sgd"))
    assert (float(adam.learning_rate), float(sgd.learning_rate), sgd.momentum) == (
        pytest.approx(1e-3),
        pytest.approx(1e-2),
        0.9,
    )


def test_gamma_belongs_to_the_focal_loss_alone():
    logits, labels = np.float32([[[[2, 0]]]]), np.uint8([[[0]]])
    ce, focal, plain = (
        float(Variant("unet", loss, "adam", 32).make_loss(gamma)(labels, logits))
        for loss, gamma in (("ce", 2.0), ("focal", 2.0), ("focal", 0.0))
    )
    assert focal < ce == plain


def test_a_schedule_lowers_the_rate_over_the_training():
    def rates(schedule):
        rate = Variant("unet", "ce", "sgd", 256, schedule).make_optimizer(90)._learning_rate
        return [float(rate(step)) for step in (0, 59, 60, 80, 90)]

    assert rates("step") == pytest.approx([1e-2, 1e-2, 1e-3, 1e-4, 1e-4])
    cosine = rates("cosine")
    assert cosine[0] == pytest.approx(1e-2) and cosine[-1] == pytest.approx(1e-4)
    assert cosine == sorted(cosine, reverse=True)


def test_a_schedule_is_part_of_the_name_unless_it_is_constant():
    assert Variant("unet", "dice", "adam", 64, "cosine").name == "unet-dice-adam-cosine"
    assert Variant("unet", "dice", "adam", 64).name == "unet-dice-adam"
    assert (
        Variant("unet", "dice", "adam", 64, "cosine").title
        == "U-Net, cross-entropy + Dice, Adam cosine"
    )


def test_losses_of_regions_are_added_to_cross_entropy():
    logits, labels = np.float32([[[[2, 0], [0, 1]]]]), np.uint8([[[0, 0]]])
    ce, dice, lovasz = (
        float(Variant("unet", loss, "adam", 32).make_loss(2.0)(labels, logits))
        for loss in ("ce", "dice", "lovasz")
    )
    p = 1 / (1 + np.exp(-np.array([2.0, -1.0])))  # of the label
    assert dice - ce == pytest.approx(1 - 2 * p.sum() / (2 + p.sum()), rel=1e-5)
    # One class of two pixels: the worst error counts one half, both count 1.
    assert lovasz - ce == pytest.approx((1 - p).sum() / 2, rel=1e-5)


def test_the_best_have_the_highest_binary_iou_then_accuracy_in_the_mean_of_the_seeds():
    a, b, c = variants(["unet"], 64)[:3]
    rows = {
        a: [{"binary_iou": 0.9, "pixel_accuracy": 0.5}, {"binary_iou": 0.1, "pixel_accuracy": 0.5}],
        b: [{"binary_iou": 0.6, "pixel_accuracy": 0.1}] * 2,
        c: [{"binary_iou": 0.6, "pixel_accuracy": 0.2}] * 2,
    }
    assert best(rows) == [c, b]


def test_saying_nothing_but_background_is_scored_from_the_true_pixels():
    real = np.array([0, 0, 0, 1, 1, 2])
    scores = pixel_scores(
        confusion(real, real, 3), [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    )
    assert np.array_equal(only_background(scores), confusion(real, np.zeros(6, int), 3))
