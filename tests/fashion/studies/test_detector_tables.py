"""The tables of a comparison: columns are where scoring puts them, and means and paired differences
can be checked by hand.
"""

import csv
import dataclasses
import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.metrics.attributes import attribute_f1_on_truth
from fashion.evaluation.scoring import score_predictions
from fashion.studies.detector_tables import (
    COLUMNS,
    folder_of,
    plot,
    results_of,
    screen_table,
    write_results,
)
from fashion.studies.detectors import STUDIES
from fashion.studies.seed_statistics import difference_text
from fashion.studies.study import Study

STUDY = Study("Study", {"first": {}, "other": {}})


def square(side):
    """A mask in the corner of a photo of 200 x 200 pixels."""
    mask = np.zeros((200, 200), np.uint8, order="F")
    mask[:side, :side] = 1
    rle = coco_mask.encode(mask)
    return {"size": rle["size"], "counts": rle["counts"].decode()}


@pytest.fixture
def scored():
    """What `fashion/evaluate.py --fixed --true-boxes` writes of a photo with a small, a medium and
    a large object, of categories 0, 1, 2.

    All are found with the right masks; the box of the small one is wrong, and so are the attributes
    of the large one, which has attribute 2 where the others have attribute 1. At true boxes all
    attributes are right.
    """
    sides, real, said = (20, 60, 120), ([1], [1], [2]), ([1], [1], [1])
    truth = {
        "images": [{"id": 1, "width": 200, "height": 200}],
        "categories": [{"id": k, "name": f"category {k}"} for k in range(3)],
        "attributes": [{"id": i, "name": f"attribute {i}"} for i in (1, 2)],
        "annotations": [
            {
                "id": 1 + k,
                "image_id": 1,
                "category_id": k,
                "bbox": [0, 0, side, side],
                "area": side * side,
                "iscrowd": 0,
                "segmentation": square(side),
                "attribute_ids": real[k],
            }
            for k, side in enumerate(sides)
        ],
    }
    detections = [
        {
            "image_id": 1,
            "category_id": k,
            "score": 0.9,
            "segmentation": square(side),
            "attribute_ids": said[k],
            "bbox": [100, 100, 20, 20] if k == 0 else [0, 0, side, side],
            "attribute_scores": [0.9, [0.1, 0.3, 0.2][k]],
        }
        for k, side in enumerate(sides)
    ]
    described = [
        {
            "annotation_id": row["id"],
            "attribute_ids": row["attribute_ids"],
            "attribute_scores": [float(i in row["attribute_ids"]) for i in (1, 2)],
        }
        for row in truth["annotations"]
    ]
    return score_predictions(truth, detections, fixed=True) | {
        "attributes_on_truth": attribute_f1_on_truth(truth, described)
    }


def test_columns_are_where_scoring_puts_them(scored, tmp_path):
    """AP is a mean over the categories. F1 of attributes: 2 of 3 are right (micro), 4/5 of the one
    and 0 of the other (macro). Their AP: attribute 1 has equal scores, 2 of 3 of which are
    right; attribute 2 is said second of where it is.
    """
    write_run(tmp_path, "plain", 1, scored)
    found = {
        column: values.tolist()
        for column, values in results_of(tmp_path, ["plain"])["plain"].items()
    }
    right = {
        f"{kind}{n}": 1
        for kind in ("mask ", "box ", "mask f1", "box f1")
        for n in ("APm", "APs", "APl")
    }
    wrong = {"box APs": 0, "box f1APs": 0, "mask f1APl": 0, "box f1APl": 0}
    means = {
        f"{kind}{n}": value
        for kind, value in {"mask ": 1, "box ": 2 / 3, "mask f1": 2 / 3, "box f1": 1 / 3}.items()
        for n in ("AP", "AP50", "AP75")
    }
    assert found == {
        column: [pytest.approx(value)]
        for column, value in (
            right
            | wrong
            | means
            | {
                **{f"mask {name}": 1 for name in ("AR1", "AR10", "AR100")},
                **{f"box {name}": 2 / 3 for name in ("AR1", "AR10", "AR100")},
                # The attributes of one of three objects are wrong.
                **{name: 2 / 4 for name in ("Kaggle 2019", "Kaggle 2019, pooled")},
                "Kaggle 2020": 2 / 3,
                "mean recall": 1,
                "Fashionpedia AP": 2 / 3,
                "attribute micro F1": 2 / 3,
                "attribute macro F1": 0.4,
                "attribute mAP": (2 / 3 + 1 / 2) / 2,
                "micro F1, true boxes": 1,
                "mAP, true boxes": 1,
            }
        ).items()
    }


@pytest.mark.parametrize(
    ("section", "key"),
    [("coco", "segm"), ("attributes", "map"), ("attributes_on_truth", "micro_f1")],
)
def test_a_column_that_is_not_there_is_said(scored, tmp_path, section, key):
    del scored[section][key]
    path = write_run(tmp_path, "plain", 1, scored)
    with pytest.raises(ValueError, match=f"{path} has no {section} → {key}.*Remove the file"):
        results_of(tmp_path, ["plain"])


def write_run(out, name, seed, metrics):
    path = folder_of(out, name, seed) / "metrics.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(metrics))
    return path


def results_with(**mask_ap):
    """Results whose mask AP are these and whose other columns are unknown."""
    return {
        name: {
            column: np.array(values if column == "mask AP" else [np.nan] * len(values), float)
            for column in COLUMNS
        }
        for name, values in mask_ap.items()
    }


def test_seeds_that_some_variant_has_are_in_rows_of_equal_length(scored, tmp_path):
    for name, seed in (("b", 3), ("b", 10), ("a", 10)):
        write_run(tmp_path, name, seed, scored)
    write_run(tmp_path, "a", "1-old", scored)
    results = results_of(tmp_path, ["a", "b", "c"])
    assert list(results) == ["a", "b"]
    np.testing.assert_array_equal(results["a"]["mask AP"], [np.nan, results["b"]["mask AP"][1]])
    assert results_of(tmp_path, ["c"]) == {}


def table_of(folder):
    """{variant: numbers of mask AP in table.csv, None where there is none}."""
    columns = [
        f"mask AP, {what}"
        for what in (
            "mean",
            "standard deviation",
            "seeds",
            "difference from the first row",
            "half its 95 % interval",
        )
    ]
    return {
        row["variant"]: [float(row[column]) if row[column] else None for column in columns]
        for row in csv.DictReader((folder / "table.csv").open())
    }


def test_the_table_has_seeds_and_differences_of_the_seeds_that_both_have(tmp_path):
    """Student's t of 2 degrees of freedom is 4.303: differences of 0.1, 0.2, 0.3 are 0.2 ± 4.303 *
    0.1 / sqrt(3).
    """
    nan = np.nan
    write_results(
        tmp_path,
        STUDY,
        results_with(
            first=[0.1, 0.2, 0.3, nan],
            other=[0.2, 0.4, 0.6, 0.8],
            one=[nan, 0.5, nan, nan],
            apart=[nan, nan, nan, 0.7],
        ),
    )
    assert table_of(tmp_path) == {
        "first": pytest.approx([0.2, 0.1, 3, None, None]),
        "other": pytest.approx([0.5, 0.2582, 4, 0.2, 0.2484], abs=1e-4),
        "one": pytest.approx([0.5, None, 1, 0.3, None]),
        "apart": pytest.approx([0.7, None, 1, None, None]),
    }


def test_without_finished_runs_nothing_is_written(tmp_path):
    write_results(tmp_path, STUDY, {})
    assert not list(tmp_path.iterdir())


def test_the_screen_has_means_and_differences():
    lines = [
        line.split()
        for line in screen_table(
            STUDY,
            results_with(first=[0.1, 0.2, 0.3], other=[0.2, 0.4, 0.6], one=[np.nan, 0.5, np.nan]),
        ).splitlines()
    ]
    assert lines[0] == ["Study", "seeds", "mask", "AP"]  # what no run has is left out
    assert lines[2:] == [
        ["first", "3", "0.200", "±", "0.100"],
        ["other", "3", "0.400", "±", "0.200"],
        ["one", "1", "0.500"],
        ["against", "first:"],
        ["other", "+0.200", "±", "0.248"],
        ["one", "+0.300"],
    ]


@pytest.mark.parametrize(
    "results", [results_with(first=[0.1], other=[0.2]), results_with(first=[0.1, 0.2])]
)
def test_one_seed_or_one_variant_has_no_differences_on_the_screen(results):
    assert "against" not in screen_table(STUDY, results)


def test_a_difference_is_real_where_its_interval_leaves_out_0():
    """Student's t of 2 degrees of freedom is 4.30: the mean of 1, 2, 3 is 2 ± 4.30 / sqrt(3), that
    of 3, 4, 5 leaves out 0.
    """
    assert difference_text(np.array([1.0, 2, 3])) == "+2.000 ± 2.484"
    assert difference_text(np.array([3.0, 4, 5])) == "+4.000 ± 2.484 *"
    assert difference_text(np.array([-3.0, -4, -5])).endswith("*")


def test_the_plot_has_a_dot_for_each_seed_and_a_line_at_the_mean(tmp_path):
    results = results_with(first=[0.1, 0.3], other=[0.5, np.nan], none=[np.nan, np.nan])
    (panel,) = plot(STUDY, results).axes
    dots, means = panel.lines[::2], panel.lines[1::2]
    assert [line.get_xdata().tolist() for line in dots] == [[0.1, 0.3], [0.5], []]
    np.testing.assert_allclose(
        [line.get_xdata() for line in means], [[0.2, 0.2], [0.5, 0.5], [np.nan, np.nan]]
    )
    write_results(tmp_path, STUDY, results)
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_names_of_folders_are_plain(tmp_path):
    folders = {
        folder_of(tmp_path, name, 0) for study in STUDIES.values() for name in study.variants
    }
    assert len(folders) == len({name for study in STUDIES.values() for name in study.variants})
    assert all(
        part.replace("-", "").replace("_", "").isalnum()
        for folder in folders
        for part in folder.relative_to(tmp_path).parts
    )


def test_steps_are_compared_with_the_row_above_and_reports_stand_below(tmp_path):
    study = dataclasses.replace(
        STUDY, by_step=True, reported={"first": {"mask AP": 0.044}}, source="a report"
    )
    results = results_with(first=[0.1, 0.2], other=[0.2, 0.3], third=[0.4, 0.6])
    lines = [line.split() for line in screen_table(study, results).splitlines()]
    assert ["first", "(a", "report)", "0.044"] in lines
    assert lines[-3:] == [
        ["against", "the", "row", "above:"],
        ["other", "+0.100", "±", "0.000", "*"],
        ["third", "+0.250", "±", "0.635"],
    ]
    write_results(tmp_path, study, results)
    (*_, third) = csv.DictReader((tmp_path / "table.csv").open())
    assert float(third["mask AP, difference from the row above"]) == pytest.approx(0.25)


def test_a_model_without_attributes_lacks_their_columns(scored, tmp_path):
    del scored["attributes_on_truth"]
    write_run(tmp_path, "plain", 1, scored)
    columns = results_of(tmp_path, ["plain"], {"plain"})["plain"]
    assert np.isnan(columns["mAP, true boxes"]).all() and columns["mask AP"] == pytest.approx([1])
    with pytest.raises(ValueError, match="has no attributes_on_truth"):
        results_of(tmp_path, ["plain"])
