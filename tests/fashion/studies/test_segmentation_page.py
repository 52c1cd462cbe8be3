"""The page: numbers of made-up runs appear where they belong."""

import json

import numpy as np
import pytest

from fashion.semantic.losses import IGNORED
from fashion.studies.seed_statistics import mean_text
from fashion.studies.segmentation import Variant, variants
from fashion.studies.segmentation_figures import comparison, painted
from fashion.studies.segmentation_page import grid, write_study
from mrcnn.drawing.colors import distinct_colors
from mrcnn.evaluation.semantic_iou import pixel_scores

CATEGORIES = [{"id": 7, "name": "coat"}, {"id": 9, "name": "hat, cap"}]


def record(variant, right, seed=1):
    """Of 10 pixels of background, 10 of coat, of which `right` are right."""
    counts = np.array([[10, 0, 0], [10 - right, right, 0], [0, 0, 0]])
    scores = json.loads(json.dumps(pixel_scores(counts, CATEGORIES)))
    history = [
        {"epoch": epoch, "val_pixel_accuracy": 0.1 * epoch, "val_binary_iou": 0.2 * epoch}
        for epoch in (1, 2)
    ]
    return vars(variant) | {
        "seed": seed,
        "train": scores,
        "validation": scores,
        "mask_ap": {"AP": 0.125, "AP50": -1},
        "history": history,
        "training_loss": 0.5,
        "minutes": 3.0,
        "parameters": 1_234_567,
    }


@pytest.fixture(scope="module")
def results():
    return {
        variant: [record(variant, right, seed) for seed in (1, 2)]
        for right, variant in enumerate(variants(["unet", "fcn"], 64))
    }


def test_a_network_is_a_row_and_loss_and_optimiser_a_column(results):
    rows = grid(results, 64, ("validation", "pixel_accuracy"))
    assert rows[0] == [
        "network",
        "cross-entropy, Adam",
        "cross-entropy, SGD",
        "focal loss, Adam",
        "focal loss, SGD",
    ]
    assert (
        rows[1] == ["U-Net", *(f"{(10 + right) / 20:.3f} ± 0.000" for right in range(4))]
        and rows[2][0] == "FCN-ResNet50"
    )
    assert grid(
        {Variant("fcn", "focal", "sgd", 64): results[Variant("fcn", "focal", "sgd", 64)]},
        64,
        ("mask_ap", "AP"),
    ) == [["network", "focal loss, SGD"], ["FCN-ResNet50", "0.125 ± 0.000"]]


def test_schedules_are_columns_too(results):
    """Two runs that have nothing in common but the network leave no cell empty."""
    plain, cosine = (
        Variant("unet", "ce", "sgd", 64),
        Variant("unet", "lovasz", "adam", 64, "cosine"),
    )
    rows = grid({cosine: results[plain], plain: results[plain]}, 64, ("mask_ap", "AP"))
    assert rows[0] == ["network", "cross-entropy, SGD", "cross-entropy + Lovász, Adam cosine"]
    assert len(rows) == 2 and all(rows[1])


def test_a_mean_has_its_deviation_and_what_was_not_measured_a_dash():
    assert (
        mean_text(np.array([0.1, 0.3])) == "0.200 ± 0.141"
        and mean_text(np.array([0.25]), 2) == "0.25"
    )
    assert mean_text(np.array([np.nan])) == "–"


@pytest.mark.slow
def test_the_page_and_its_tables(results, tmp_path):
    labels = np.full((8, 8), IGNORED, np.uint8)
    labels[:, 2:6] = 1
    photo = {
        "name": "p1",
        "labels": {64: (np.full((8, 8, 3), 90, np.uint8), labels)},
        "names": {1: "coat"},
        "predicted": {variant: np.zeros((8, 8), np.uint8) for variant in results},
    }
    page = write_study(tmp_path, results, [photo], "Eight runs.").read_text()
    for text in (
        "Eight runs.",
        "Pixel accuracy, training photos, 64 × 64",
        "Binary IoU, validation photos, 64 × 64",
        "1.23",
        "p1",
    ):
        assert text in page
    idle = page[page.index("nothing but background") :][:200]
    assert (
        "0.500" in idle and "0.250" in idle
    )  # half the pixels are right, the IoU of the background is 1/2, of the rest 0
    assert (
        "<td>coat</td>" in page and "<td>hat</td>" not in page and page.count("<img") == 1
    )  # no pixel is a hat's
    assert len(json.loads((tmp_path / "results.json").read_text())) == 16
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert len(lines) == 9 and lines[1].startswith("unet,ce,adam,64,constant,2,0.5,")


@pytest.mark.slow
def test_runs_are_compared_in_pairs(results):
    histories = {variant: [row["history"] for row in rows] for variant, rows in results.items()}
    for by, panels, lines in (("loss", 4, 2), ("optimizer", 4, 2), ("network", 4, 2)):
        axes = [axes for axes in comparison(histories, by).axes if axes.get_visible()]
        assert len(axes) == 2 * panels and all(len(panel.lines) == lines for panel in axes)
    assert comparison(histories, "size") is None
    line = comparison(histories, "loss").axes[0].lines[0]
    assert line.get_xdata().tolist() == [1, 2] and line.get_ydata().tolist() == pytest.approx(
        [0.1, 0.2]
    )


def test_a_label_map_is_laid_over_the_photo_without_its_border():
    photo, labels = np.full((2, 4, 3), 100, np.uint8), np.array([[0, 1, 2, 1]] * 2, np.uint8)
    picture = painted(photo, labels, np.array([[True, True, True, False]] * 2))
    assert picture.shape == (2, 3, 3) and (picture[:, 0] == 100).all()
    assert np.abs(picture[0, 1] - (0.35 * 100 + 0.65 * distinct_colors(2)[0])).max() <= 0.5
    assert np.abs(picture[0, 2] - (0.35 * 100 + 0.65 * distinct_colors(2)[1])).max() <= 0.5
