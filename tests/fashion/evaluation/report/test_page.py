"""The report: what the scores hold stands on the page, and what they lack is left out."""

import copy
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from fashion.evaluation.report.page import write_report
from fashion.evaluation.scoring import score_predictions
from fashion.pages.text import short_name

RECALLS = np.linspace(0, 1, 101).tolist()
CURVE = {"50": [0.9] * 101, "75": [0.5] * 101, "mean": [-1.0] * 101}


class Read(HTMLParser):
    """The headings, cards, captions and tables (lists of rows of cells) of a page."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.cards, self.captions, self.tables, self._into = (
            {"h2": [], "h3": []},
            [],
            [],
            [],
            None,
        )
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        into = {
            "th": lambda: self.tables[-1][-1],
            "td": lambda: self.tables[-1][-1],
            "h2": lambda: self.headings["h2"],
            "h3": lambda: self.headings["h3"],
            "b": lambda: self.cards,
            "strong": lambda: self.cards,
            "figcaption": lambda: self.captions,
        }.get(tag)
        if into:
            self._into = into()
            self._into.append("")

    def handle_endtag(self, tag):
        self._into = None

    def handle_data(self, data):
        if self._into is not None:
            self._into[-1] += data

    def table(self, *heading):
        """The rows below the first heading that begins so."""
        return next(rows[1:] for rows in self.tables if tuple(rows[0][: len(heading)]) == heading)


def read(path):
    return Read(path.read_text(encoding="utf-8"))


_scored = {}  # once is enough


@pytest.fixture
def case(random_case):
    """(ground truth, detections, scores), names with commas; without curves, which draw slowly."""
    if not _scored:
        truth, detections = random_case(5, images=6, objects=5, predictions=6, boxes=True)
        for row in truth["categories"]:
            row["name"] += ", or the like"
        scores = score_predictions(truth, detections)
        del scores["curves"]
        _scored["case"] = truth, detections, scores
    return copy.deepcopy(_scored["case"])


def full(scores):
    """Scores with every part that may be there."""
    scores = copy.deepcopy(scores)
    scores["curves"] = {
        kind: {
            "recalls": RECALLS,
            "all": CURVE,
            "per_category": dict.fromkeys(scores["coco"][kind]["per_category"], CURVE),
        }
        for kind in ("segm", "bbox")
    }
    scores["fashionpedia_fixed"] = scores["fashionpedia"]
    scores["attributes"]["per_attribute"] = {
        7: {
            "name": "striped",
            "supercategory": "textile pattern",
            "f1": 0.125,
            "precision": 0.25,
            "recall": 0.0833,
            "ap": -1.0,
            "instances": 12,
            "predicted": 4,
        }
    }
    scores["attributes"]["per_supercategory"] = {
        "textile pattern": {
            "f1": 0.125,
            "macro_f1": 0.375,
            "ap": 0.625,
            "instances": 1234,
            "predicted": 4,
        }
    }
    scores["attributes"]["per_category"] = {
        0: {"name": "category 0", "micro_f1": 0.5625, "macro_f1": 0.5, "map": 0.4375, "matched": 3}
    }
    scores["attributes_on_truth"] = copy.deepcopy(scores["attributes"]) | {"micro_f1": 0.8125}
    scores["attributes_on_truth"]["per_attribute"][8] = scores["attributes_on_truth"][
        "per_attribute"
    ][7] | {"name": "plaid", "f1": 0.875}
    scores["attribute_curves"] = {
        "thresholds": [0.25, 0.5],
        "precision": [0.5, 0.9],
        "recall": [0.75, 0.5],
        "f1": [0.6, 0.64],
    }
    scores["grid"] = {
        "score_thresholds": [0.1, 0.5],
        "attribute_thresholds": [0.3, 0.7],
        "metric": "mask AP",
        "values": [[0.1, 0.2], [0.3, -1]],
    }
    scores["tuning"] = {
        "metric": "kaggle_2020",
        "folds": 5,
        "level": "global",
        "held_out": {"given": 0.25, "global": 0.375},
        "on_same": {"given": 0.25, "global": 0.5},
    }
    return scores


@pytest.fixture
def page(case, undrawn, tmp_path_factory):
    """The page of the scores."""
    return _written("page", case, case[2], tmp_path_factory)


@pytest.fixture
def full_page(case, tmp_path_factory):
    """The page of the scores with every part."""
    return _written("full", case, full(case[2]), tmp_path_factory)


def _written(name, case, scores, tmp_path_factory):
    """Writes a page once: its figures take a second."""
    if name not in _scored:
        truth, detections, _ = case
        folder = tmp_path_factory.mktemp(name) / "new"
        _scored[name] = write_report(
            folder, scores, ground_truth=truth, detections=detections, title="Run 7"
        )
    return _scored[name]


CHAPTERS = [
    "Summary",
    "COCO AP, without and with F1",
    "Fashionpedia AP",
    "Kaggle 2019 and 2020",
    "Categories",
    "Precision and recall",
    "Attributes",
    "Thresholds",
    "Pixels",
    "Duplicate predictions",
    "Precision and recall of detection",
    "Calibration of confidence scores",
]


@pytest.mark.slow
def test_a_full_report_has_every_chapter(full_page):
    path = full_page
    assert path.parent.name == "new" and list(path.parent.iterdir()) == [path]
    assert path.name == "index.html"
    page = read(path)
    assert page.headings["h2"] == CHAPTERS
    assert "Tuned for: Kaggle 2020" in page.headings["h3"]
    assert len(page.captions) == 6 and "<h1>Run 7</h1>" in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_numbers_of_the_summary_are_those_of_the_scores(case, page):
    truth, detections, scores = case
    path, page = page, read(page)
    cards = dict(zip(page.cards[1::2], page.cards[::2]))
    assert list(cards) == ["mask AP", "mask AP50", "attribute micro F1", "recall"]
    shown = cards | {row[0]: row[1] for row in page.table("other scores")}
    assert shown["mask AP"] == f"{scores['coco']['segm']['AP']:.3f}"
    assert shown["mask AP with F1"] == f"{scores['f1_ap']['segm']['f1AP']:.3f}"
    assert shown["Fashionpedia AP"] == f"{scores['fashionpedia']['segm']['iou_f1/AP']:.3f}"
    assert shown["Kaggle 2020"] == f"{scores['kaggle_2020']['score']:.3f}"
    assert shown["recall"] == f"{scores['found']['sensitivity']:.3f}"
    assert len(shown) == 12
    text = path.read_text(encoding="utf-8")
    assert (
        f"6 images with {len(truth['annotations'])} objects" in text
        and f"{len(detections)} detections" in text
    )


@pytest.mark.slow
def test_the_summary_says_from_what_score_on_a_detection_counts(case, tmp_path, undrawn):
    truth, detections, scores = case
    path = write_report(
        tmp_path, scores | {"score_threshold": 0.35}, ground_truth=truth, detections=detections
    )
    assert "all other metrics use score ≥ 0.35." in path.read_text(encoding="utf-8")
    path = write_report(
        tmp_path, scores | {"score_threshold": 0.0}, ground_truth=truth, detections=detections
    )
    assert "all other metrics" not in path.read_text(encoding="utf-8")


def test_coco_stands_without_and_with_f1_side_by_side(case, page):
    scores = case[2]
    page = read(page)
    rows = {
        row[0]: row[1:5]
        for row in page.table(
            "", "mask without F1", "mask with F1", "box without F1", "box with F1"
        )
    }
    coco, f1 = scores["coco"], scores["f1_ap"]
    for name in ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100"):
        expected = (
            coco["segm"][name],
            f1["segm"]["f1" + name],
            coco["bbox"][name],
            f1["bbox"]["f1" + name],
        )
        assert rows[name] == [f"{value:.3f}" if value >= 0 else "–" for value in expected]


@pytest.mark.slow
def test_every_number_of_fashionpedia_has_a_cell(case, page):
    scores = case[2]
    page = read(page)
    rows = {
        row[0]: row
        for row in page.table(
            "", "mask IoU", "mask IoU + F1", "mask F1", "box IoU", "box IoU + F1", "box F1"
        )
    }
    for kind, first in (("segm", 1), ("bbox", 4)):
        columns = dict(enumerate(("iou", "iou_f1", "f1"), first))
        shown = {
            f"{table}/{name}": row[i]
            for name, row in rows.items()
            for i, table in columns.items()
            if row[i]
        }
        assert shown == {
            key: f"{value:.3f}" if value >= 0 else "–"
            for key, value in scores["fashionpedia"][kind].items()
        }


def test_kaggle_shows_its_ten_precisions(case, page):
    scores = case[2]
    page = read(page)
    pooled, over_f1 = page.table("IoU above", "0.50")
    of_2019 = scores["kaggle_2019"]
    assert (
        pooled[1]
        == f"{of_2019['tp'][0] / (of_2019['tp'][0] + of_2019['fp'][0] + of_2019['fn'][0]):.3f}"
    )
    assert np.mean([float(cell) for cell in pooled[1:]]) == pytest.approx(
        of_2019["pooled"], abs=6e-4
    )
    assert np.mean([float(cell) for cell in over_f1[1:]]) == pytest.approx(
        scores["kaggle_2020"]["score"], abs=6e-4
    )


@pytest.mark.slow
def test_each_category_with_objects_has_a_row(case, tmp_path, undrawn):
    truth, detections, scores = case
    scores["attributes"].pop("per_category", None)
    page = read(write_report(tmp_path, scores, ground_truth=truth, detections=detections))
    rows = page.table("category", "objects")
    some = {}
    for row in scores["coco"]["segm"]["per_category"].values():
        if row["instances"]:
            some[short_name(row["name"])] = row
    assert {row[0] for row in rows} == set(some) and len(rows) == len(some)
    assert [int(row[1]) for row in rows] == sorted(
        (row["instances"] for row in some.values()), reverse=True
    )
    key, row = next(
        (key, row)
        for key, row in scores["coco"]["segm"]["per_category"].items()
        if short_name(row["name"]) == rows[0][0]
    )
    found, pixels, places = (
        scores[name]["per_category"][key] for name in ("found", "pixels", "corloc")
    )
    assert rows[0][2:] == [
        f"{row['AP']:.3f}",
        f"{row['AP50']:.3f}",
        str(found["found"]),
        f"{found['sensitivity']:.3f}",
        f"{pixels['iou']:.3f}",
        f"{places['corloc']:.3f}",
    ]


@pytest.mark.slow
def test_attributes_stand_beside_those_on_true_boxes(case, full_page):
    scores = full(case[2])
    page = read(full_page)
    overall = {row[0]: row[1:3] for row in page.table("", "matched objects", "ground-truth boxes")}
    assert overall["micro F1"] == [f"{scores['attributes']['micro_f1']:.3f}", "0.812"]
    assert page.table("super-category") == [
        ["textile pattern", "1,234", "4", "0.125", "0.375", "0.625", "0.125", "0.375", "0.625"]
    ]
    assert page.table("attribute", "super-category") == [
        ["striped", "textile pattern", "12", "4", "0.125", "0.250", "0.083", "–", "0.125", "–"],
        ["plaid", "textile pattern", "", "", "", "", "", "", "0.875", "–"],
    ]


def test_attributes_that_were_never_compared_are_a_dash_and_not_0(case, tmp_path, undrawn):
    """Of a category whose objects are all missed, an F1 of 0.000 would be a claim."""
    truth, detections, scores = case
    objects = scores["coco"]["segm"]["per_category"]
    first, second = [i for i, row in objects.items() if row["instances"]][:2]
    row = {"name": "first", "micro_f1": 0.0, "precision": 0.0, "map": -1.0, "matched": 0}
    scores["attributes"]["per_category"] = {
        first: row,
        second: row | {"name": "second", "micro_f1": 0.5, "precision": 0.25, "matched": 1},
    }
    scores["found"]["per_category"][first] |= {"found": 0, "sensitivity": 0.0}
    scores["found"]["per_category"][second] |= {"found": 1}
    page = read(write_report(tmp_path, scores, ground_truth=truth, detections=detections))
    f1_of = {row[0]: row[-1] for row in page.table("category", "objects", "AP")}
    names = [short_name(objects[key]["name"]) for key in (first, second)]
    assert [f1_of[name] for name in names] == ["–", "0.500"]
    by_category = {row[0]: row[1:] for row in page.table("category", "matched")}
    assert by_category == {
        "first": ["0", "–", "–", "–"],
        "second": ["1", "0.500", "0.250", "–"],
    }


@pytest.mark.slow
def test_the_grid_is_a_table_too(full_page):
    page = read(full_page)
    assert page.table("score \\ attribute", "0.3", "0.7") == [
        ["0.1", "0.100", "0.200"],
        ["0.5", "0.300", "–"],
    ]


@pytest.mark.slow
def test_a_search_of_thresholds_is_told_by_level(full_page):
    page = read(full_page)
    assert [row[:3] for row in page.table("level", "images held out", "same images")] == [
        ["given", "0.250", "0.250"],
        ["global", "0.375", "0.500"],
    ]


@pytest.mark.slow
def test_scores_from_a_file_make_the_same_page(case, full_page, tmp_path):
    truth, detections, scores = case
    again = write_report(
        tmp_path,
        json.loads(json.dumps(full(scores))),
        ground_truth=truth,
        detections=detections,
        title="Run 7",
    )
    assert again.read_bytes() == full_page.read_bytes()


def test_what_older_scores_lack_is_left_out(case, tmp_path, undrawn):
    truth, detections, scores = case
    old = {
        key: scores[key]
        for key in ("coco", "f1_ap", "kaggle_2019", "kaggle_2020", "found", "corloc", "pixels")
    }
    old["attributes"] = {
        "micro_f1": 0.5,
        "macro_f1": 0.5,
        "precision": 0.5,
        "recall": 0.5,
        "matched": 2,
        "ground_truth": 3,
        "per_attribute": {
            1: {"f1": 0.5, "precision": 0.5, "recall": 0.5, "instances": 2, "predicted": 2}
        },
    }
    page = read(write_report(tmp_path, old, ground_truth=truth, detections=detections))
    left_out = {"Fashionpedia AP", "Precision and recall", "Thresholds", *CHAPTERS[-3:]}
    assert page.headings["h2"] == [title for title in CHAPTERS if title not in left_out]
    assert (
        page.headings["h3"].count("Each attribute") == 1
        and "Super-categories" not in page.headings["h3"]
    )
    assert page.table("attribute") == [
        ["attribute 1", "2", "2", "0.500", "0.500", "0.500"]
    ]  # named by the ground truth


@pytest.mark.slow
def test_nothing_detected_is_a_report(case, tmp_path, undrawn):
    truth, _, _ = case
    page = read(
        write_report(tmp_path, score_predictions(truth, []), ground_truth=truth, detections=[])
    )
    shown = dict(zip(page.cards[1::2], page.cards[::2]))
    assert shown["mask AP"] == "0.000" and shown["recall"] == "0.000"


@pytest.mark.slow
def test_truth_without_objects_and_attributes_is_a_report(tmp_path, undrawn):
    truth = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 8, "width": 8}],
        "annotations": [],
        "categories": [{"id": 1, "name": "shirt"}],
    }
    page = read(
        write_report(tmp_path, score_predictions(truth, []), ground_truth=truth, detections=[])
    )
    assert "Categories" not in page.headings["h2"]
    assert dict(zip(page.cards[1::2], page.cards[::2]))["mask AP"] == "–"


def test_the_names_of_the_files_stand_below_the_title(case, tmp_path, undrawn):
    truth, detections, scores = case
    path = write_report(
        tmp_path,
        scores | {"gt": "val.csv", "predictions": "sub.csv"},
        ground_truth=truth,
        detections=detections,
    )
    assert re.search(
        r"</h1>\s*<p class=\"note\">ground truth: val.csv · predictions: sub.csv</p>",
        path.read_text(encoding="utf-8"),
    )
