"""Every measure of stored predictions at once, under keys that stay, and as a table to read."""
from fashion.evaluation.attribute_f1 import attribute_f1
from fashion.evaluation.corloc import corloc
from fashion.evaluation.f1_ap import evaluate_f1_ap
from fashion.evaluation.fashionpedia_ap import evaluate_fashionpedia
from fashion.evaluation.found import found_per_category
from fashion.evaluation.kaggle import score_2019, score_2020
from fashion.evaluation.pixels import score_pixels
from mrcnn.evaluation.coco import evaluate_coco

KINDS = {"segm": "masks", "bbox": "boxes"}
COCO = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")
FASHIONPEDIA = ("AP", "APo", "APa", "APp", "AP_IOU50", "AP_IOU75", "AP_F150", "AP_F175", "AR@100")


def score_stored(ground_truth, detections, *, fixed=False):
    """Score detections by every measure there is.

    ground_truth: COCO dict, from `stored.read_ground_truth`; detections: COCO results, from `predictions.read_detections`
    fixed: add our variant of Fashionpedia's AP. It stands alone where the categories are not the official evaluator's.
    Returns: {"coco": {"segm", "bbox"}, "f1_ap": {"segm", "bbox"}, "fashionpedia": {"segm", "bbox"}, "fashionpedia_fixed": likewise,
        "kaggle_2019", "kaggle_2020", "attributes", "found", "corloc", "pixels"}; what is in each, its function says. A measure that does
        not apply is left out.
    """
    scores = {name: {kind: measure(ground_truth, detections, kind) for kind in KINDS}
              for name, measure in (("coco", evaluate_coco), ("f1_ap", evaluate_f1_ap))}
    ids = sorted(category["id"] for category in ground_truth["categories"])
    if official := ids[:46] == list(range(46)) and ids == list(range(len(ids))):
        scores["fashionpedia"] = {kind: evaluate_fashionpedia(ground_truth, detections, kind) for kind in KINDS}
    if fixed or not official:
        scores["fashionpedia_fixed"] = {kind: evaluate_fashionpedia(ground_truth, detections, kind, fixed=True) for kind in KINDS}
    return scores | {
        "kaggle_2019": score_2019(ground_truth, detections), "kaggle_2020": score_2020(ground_truth, detections),
        "attributes": attribute_f1(ground_truth, detections), "found": found_per_category(ground_truth, detections),
        "corloc": corloc(ground_truth, detections), "pixels": score_pixels(ground_truth, detections)}


def table(scores):
    """What `score_stored` returned as text, most general first."""
    lines = [f"{'':34}" + "".join(f"{name:>8}" for name in COCO)]
    for kind, title in KINDS.items():
        lines.append(f"{'COCO, ' + title:34}" + "".join(number(scores["coco"][kind][name]) for name in COCO))
        lines.append(f"{'  with F1 of the attributes':34}" + "".join(number(scores["f1_ap"][kind]["f1" + name]) for name in COCO))
    for name, title in (("fashionpedia", "Fashionpedia"), ("fashionpedia_fixed", "Fashionpedia, fixed (ours)")):
        if name in scores:
            lines += ["", f"{title:34}" + "".join(f"{n.removeprefix('AP_') or n:>8}" for n in FASHIONPEDIA)]
            for kind, what in KINDS.items():
                for key, among in (("iou_f1", "IoU and F1"), ("iou", "IoU"), ("f1", "F1")):
                    numbers = (scores[name][kind].get(f"{key}/{n}", -1) for n in FASHIONPEDIA)
                    lines.append(f"  {what + ', ' + among:32}" + "".join(map(number, numbers)))
    a, found, places, pixels = (scores[name] for name in ("attributes", "found", "corloc", "pixels"))
    return "\n".join([
        *lines, "",
        f"Kaggle 2019: {scores['kaggle_2019']['mean_over_images_and_classes']:.4f} (mean over photos and classes), "
        f"{scores['kaggle_2019']['pooled']:.4f} (pooled)     Kaggle 2020: {scores['kaggle_2020']['score']:.4f}",
        f"attributes on {a['matched']} of {a['ground_truth']} objects: micro F1 {a['micro_f1']:.3f}, macro F1 {a['macro_f1']:.3f}",
        f"found at IoU 0.5: {found['found']} of {found['instances']} objects, mean over categories {found['mean_sensitivity']:.3f}",
        f"CorLoc {places['mean_corloc']:.3f}, weighted {places['weighted_corloc']:.3f}; its AP of the top 5, weighted "
        f"{places['weighted_ap']:.3f}",
        f"pixels: accuracy {pixels['pixel_accuracy']:.3f}, binary IoU {pixels['binary_iou']:.3f}, mean IoU {pixels['mean_iou']:.3f}"])


def number(value):
    """A score in a column of 8 letters; a dash for -1, where there is nothing to measure."""
    return f"{'–':>8}" if value < 0 else f"{value:8.3f}"
