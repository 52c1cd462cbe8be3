"""Every measure of stored predictions at once, under keys that stay, and as a table to read."""

from fashion.evaluation.matching import read_pairs, sorted_by_id, with_areas
from fashion.evaluation.metrics.attributes import attribute_curves, attribute_f1
from fashion.evaluation.metrics.coco import coco_curves, coco_scores
from fashion.evaluation.metrics.corloc import corloc
from fashion.evaluation.metrics.f1_ap import f1_scores, f1_tables
from fashion.evaluation.metrics.fashionpedia import fashionpedia_scores, official_areas
from fashion.evaluation.metrics.kaggle import score_2019, score_2020
from fashion.evaluation.metrics.pixels import score_pixels
from fashion.evaluation.metrics.recall import found_per_category
from mrcnn.evaluation.coco import evaluate_coco

KINDS = {"segm": "masks", "bbox": "boxes"}
COCO = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")
FASHIONPEDIA = ("AP", "APo", "APa", "APp", "AP_IOU50", "AP_IOU75", "AP_F150", "AP_F175", "AR@100")


def score_stored(ground_truth, detections, *, fixed=False, score_threshold=0.5):
    """Score detections by every measure there is.

    ground_truth: COCO dict, from `stored.read_ground_truth`; detections: COCO results, from `predictions.read_detections`
    fixed: add our variant of Fashionpedia's AP. It stands alone where the categories are not the official evaluator's.
    score_threshold: least score of the detections that count where a decision is measured: both contests, attributes, what was found,
        pixels. Average precision and CorLoc go by the order of the scores and read all.
    Returns: {"coco": {"segm", "bbox"}, "curves": {"segm", "bbox"}, "f1_ap": {"segm", "bbox"}, "fashionpedia": {"segm", "bbox"},
        "fashionpedia_fixed": likewise, "score_threshold", "kaggle_2019", "kaggle_2020", "attributes", "attribute_curves", "found",
        "corloc", "pixels"}; what is in each, its function says. A measure that does not apply is left out.
    """
    ids = sorted(category["id"] for category in ground_truth["categories"])
    is_official = ids[:46] == list(range(46)) and ids == list(range(len(ids)))
    scores = {}
    for kind in KINDS:
        for name, value in _average_precision(
            ground_truth, detections, kind, is_official, fixed or not is_official
        ).items():
            scores.setdefault(name, {})[kind] = value
    sure = [detection for detection in detections if detection["score"] >= score_threshold]
    return scores | {
        "score_threshold": score_threshold,
        "kaggle_2019": score_2019(ground_truth, sure),
        "kaggle_2020": score_2020(ground_truth, sure),
        "attributes": attribute_f1(ground_truth, sure),
        "attribute_curves": attribute_curves(ground_truth, sure),
        "found": found_per_category(ground_truth, sure),
        "corloc": corloc(ground_truth, detections),
        "pixels": score_pixels(ground_truth, detections, score_threshold=score_threshold),
    }


def _average_precision(ground_truth, detections, kind, is_official, fixed):
    """The metrics that are average precision, of masks or of boxes, from one comparison of these."""
    in_file = read_pairs(ground_truth, detections, kind, sort_objects=False)
    by_id = sorted_by_id(in_file)
    tables = f1_tables(in_file)
    scores = {
        "coco": coco_scores(in_file, tables, ground_truth["categories"]),
        "curves": coco_curves(in_file, tables),
        "f1_ap": f1_scores(tables if by_id is in_file else f1_tables(by_id)),
    }
    if is_official:
        scores["fashionpedia"] = fashionpedia_scores(
            with_areas(
                in_file, ground_truth, detections, kind, official_areas(ground_truth, detections)
            )
        )
    if fixed:
        scores["fashionpedia_fixed"] = fashionpedia_scores(by_id, fixed=True)
    return scores


def table(scores):
    """What `score_stored` returned as text, most general first, the categories that occur last.

    With "attributes_on_truth", which is `attribute_f1_on_truth`, in it, this is told, too.
    """
    lines = [f"{'':34}" + "".join(f"{name:>8}" for name in COCO)]
    for kind, title in KINDS.items():
        lines.append(
            f"{'COCO, ' + title:34}" + "".join(number(scores["coco"][kind][name]) for name in COCO)
        )
        lines.append(
            f"{'  with F1 of the attributes':34}"
            + "".join(number(scores["f1_ap"][kind]["f1" + name]) for name in COCO)
        )
    for name, title in (
        ("fashionpedia", "Fashionpedia"),
        ("fashionpedia_fixed", "Fashionpedia, fixed (ours)"),
    ):
        if name in scores:
            lines += [
                "",
                f"{title:34}" + "".join(f"{n.removeprefix('AP_') or n:>8}" for n in FASHIONPEDIA),
            ]
            for kind, what in KINDS.items():
                for key, among in (("iou_f1", "IoU and F1"), ("iou", "IoU"), ("f1", "F1")):
                    numbers = (scores[name][kind].get(f"{key}/{n}", -1) for n in FASHIONPEDIA)
                    lines.append(f"  {what + ', ' + among:32}" + "".join(map(number, numbers)))
    found, places, pixels = (scores[name] for name in ("found", "corloc", "pixels"))
    attributes = [
        (scores[name], what)
        for name, what in (("attributes", "objects"), ("attributes_on_truth", "true boxes"))
        if name in scores
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"Of the detections with a score of at least {scores['score_threshold']:g}:",
            f"Kaggle 2019: {scores['kaggle_2019']['mean_over_images_and_classes']:.4f} (mean over photos and classes), "
            f"{scores['kaggle_2019']['pooled']:.4f} (pooled)     Kaggle 2020: {scores['kaggle_2020']['score']:.4f}",
            *[
                f"attributes on {a['matched']} of {a['ground_truth']} {what}: micro F1 {a['micro_f1']:.3f}, macro F1 {a['macro_f1']:.3f}, "
                f"mean AP{number(a['map'])}"
                for a, what in attributes
            ],
            f"found at IoU 0.5: {found['found']} of {found['instances']} objects, mean over categories {found['mean_sensitivity']:.3f}",
            f"pixels: accuracy {pixels['pixel_accuracy']:.3f}, binary IoU {pixels['binary_iou']:.3f}, mean IoU {pixels['mean_iou']:.3f}",
            "",
            f"CorLoc of the top 5: {places['mean_corloc']:.3f}, weighted {places['weighted_corloc']:.3f}; their AP, weighted "
            f"{places['weighted_ap']:.3f}",
            "",
            *_categories(scores),
        ]
    )


def _categories(scores):
    """A line for each category that occurs; AP of masks."""
    lines = [
        f"{'category':34}{'objects':>8}{'AP':>8}{'AP50':>8}{'found':>8}{'F1':>8}   (F1 of its attributes)"
    ]
    for category, row in scores["coco"]["segm"]["per_category"].items():
        f1 = scores["attributes"]["per_category"].get(category, {}).get("micro_f1", -1)
        if row["instances"]:
            lines.append(
                f"{row['name'][:33]:34}{row['instances']:8d}{number(row['AP'])}{number(row['AP50'])}"
                f"{number(scores['found']['per_category'][category]['sensitivity'])}{number(f1)}"
            )
    return lines


def number(value):
    """A score in a column of 8 letters; a dash for -1, where there is nothing to measure."""
    return f"{'–':>8}" if value < 0 else f"{value:8.3f}"


def score_detections(ground_truth, detections, *, attribute_confidence=0.5):
    """All scores of COCO results against COCO ground truth, both with "attribute_ids".

    attribute_confidence: attributes are judged on detections from this score on.
    Returns: {"segm": ..., "bbox": ...} of `evaluate_coco`, and "attributes" of `attribute_f1`.
    """
    return {
        "segm": evaluate_coco(ground_truth, detections, "segm"),
        "bbox": evaluate_coco(ground_truth, detections, "bbox"),
        "attributes": attribute_f1(ground_truth, detections, score_threshold=attribute_confidence),
    }
