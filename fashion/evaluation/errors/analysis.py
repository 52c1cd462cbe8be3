"""Analysis: everything that is said about errors, as numbers that JSON can hold."""

from fashion.evaluation.errors.attribute_errors import attribute_errors
from fashion.evaluation.errors.breakdowns import break_down, measure
from fashion.evaluation.errors.confusion import confusion_matrix
from fashion.evaluation.errors.error_types import price_bins, sort_into_bins
from fashion.evaluation.errors.findings import findings
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.evaluation.errors.size_and_intricacy import compare_size_and_intricacy
from fashion.evaluation.errors.worst_images import worst_photos


def analyse(ground_truth, detections, *, score_threshold=0.5, worst=20, seed=0):
    """What goes wrong, how often, on which objects, and what it costs. Masks are compared; neither argument is changed.

    ground_truth: COCO dict, from `stored.read_ground_truth`; detections: COCO results, from `predictions.read_detections`
    score_threshold: detections from this score on are sure ones: those of the confusions, of the worst photos and of every "sure" number
    worst: how many photos to name; seed: of the resampling behind standard errors
    Returns: {"photos", "objects", "detections": counts, without crowds; "score_threshold"; "categories": names, in the order of every
        "per_category"; "objects_per_category"; "ap50", "ap50_per_category" and "bins" of `bins.price_bins`; "attributes" of
        `attributes.attribute_errors`, or null; "confusion" of `confusion.confusion_matrix`; "breakdowns" of `breakdowns.break_down`;
        "small_or_intricate" of `small_or_intricate.compare_size_and_intricacy`, or null; "worst" of `worst.worst_photos`; "findings":
        sentences}.
    """
    if not 0 <= score_threshold <= 1:
        raise ValueError(f"score_threshold is a score, from 0 to 1. Got {score_threshold}.")
    overlaps = read_overlaps(ground_truth, detections)
    binned = sort_into_bins(overlaps)
    measured = measure(overlaps)
    objects = [0] * len(overlaps.categories)
    for category in overlaps.object_category[~overlaps.crowd].tolist():
        objects[category] += 1
    result = {
        "photos": len(overlaps.photos),
        "objects": sum(objects),
        "detections": len(overlaps.detections),
        "score_threshold": score_threshold,
        "categories": [category["name"] for category in overlaps.categories],
        "objects_per_category": objects,
        **price_bins(overlaps, binned, score_threshold),
        "attributes": attribute_errors(ground_truth, overlaps, binned, score_threshold),
        "confusion": confusion_matrix(overlaps, score_threshold),
        "breakdowns": break_down(overlaps, binned, *measured, score_threshold),
        "small_or_intricate": compare_size_and_intricacy(
            overlaps, binned, *measured, score_threshold, seed=seed
        ),
        "worst": worst_photos(overlaps, binned, score_threshold, worst),
    }
    return result | {"findings": findings(result)}
