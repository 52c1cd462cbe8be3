"""Attribute F1: how well are the attributes named of those garments that were found?

Garments are matched first (same image, same category, mask IoU), so the figure says something about the
attribute head alone; garments that were missed are the business of `mrcnn.evaluation.coco`. Where the attributes were
predicted at the boxes of the truth, nothing is missed and nothing is to be matched.
"""

from collections import Counter

from fashion.evaluation.attribute_tables import (
    THRESHOLDS,
    attribute_tables,
    curves,
    measures,
    objects_of,
)
from fashion.evaluation.matching import grouped, matches

_SHOWN = 3  # examples that an error names


def attribute_f1(ground_truth, detections, *, iou_threshold=0.5, score_threshold=0.0):
    """F1 and average precision of the attributes on detections that match an object of the ground truth.

    ground_truth: COCO dict; annotations have "attribute_ids", lists of real ids (missing: none)
    detections: list of COCO result dicts with "segmentation" (RLE), "attribute_ids" and maybe "attribute_scores", (T,) one for each of the
        ground truth's "attributes", in its order
    iou_threshold: a match needs at least this mask IoU; a detection takes the free object that it overlaps
        most, the most certain detection choosing first
    score_threshold: detections with a lower score are left out
    Returns: {"micro_f1", "precision", "recall": over all (garment, attribute) pairs together, "macro_f1":
        mean of the attributes' own F1, over the attributes that occur on a matched garment or were predicted
        for one, "map": mean of the attributes' own AP where it is known, "exact": share of the matched garments, of categories that carry
        attributes, of which just the right set was said, "matched": number of matched garments, "ground_truth": number of all garments,
        "counts": {"true_positive", "false_positive", "false_negative"} pairs,
        "per_attribute": {attribute_id: {"name", "supercategory", "f1", "precision", "recall", "ap", "instances": how many matched garments
            have it, "predicted": of how many it was said}},
        "per_supercategory": {its name: {"f1": micro, "macro_f1", "ap": mean, "instances", "predicted"}} of those attributes,
        "per_category": {category_id: {"name", "micro_f1", "macro_f1", "precision", "recall", "map", "matched", "instances": number of all
            garments of it}}, categories that carry attributes or had some predicted}.
        0/0 counts as 0. A category carries attributes if an object of the ground truth that belongs to it has one; those of others count
        as objects without attributes. AP ranks the matched garments of categories that carry attributes by their score, see
        `attribute_tables.average_precision`; it is -1 for what has no positives, and if one of these garments lacks scores
        while others of its category have them; categories without any scores are not ranked.
    """
    return measures(
        attribute_tables(
            ground_truth, _matched(ground_truth, detections, iou_threshold, score_threshold)
        )
    )


def attribute_curves(
    ground_truth, detections, *, thresholds=THRESHOLDS, iou_threshold=0.5, score_threshold=0.0
):
    """Precision, recall and F1 over all (garment, attribute) pairs, were the attributes said that score at least a threshold.

    thresholds: on "attribute_scores"; the others are those of `attribute_f1`, and so are the garments: of categories that carry attributes
    Returns: {"thresholds", "precision", "recall", "f1"}, lists of floats, one for each threshold; {} if no scores are stored.
    """
    return curves(
        attribute_tables(
            ground_truth, _matched(ground_truth, detections, iou_threshold, score_threshold)
        ),
        thresholds,
    )


def attribute_f1_on_truth(ground_truth, described):
    """The same as `attribute_f1` of attributes that were predicted at the boxes of the truth: how good they are if all else is right.

    described: list of {"annotation_id", "attribute_ids", maybe "attribute_scores"}, one for each object of the ground truth that is no
        crowd, in any order. Raises ValueError for objects that are described twice, or not at all, or that do not exist.
    """
    objects = {row["id"]: row for row in objects_of(ground_truth)}
    ids = [row["annotation_id"] for row in described]
    _refuse(
        set(ids) - objects.keys(),
        "annotation ids are described that are of no object of the ground truth",
    )
    _refuse(objects.keys() - set(ids), "objects of the ground truth are not described")
    _refuse(
        (i for i, times in Counter(ids).items() if times > 1),
        "objects are described more than once",
    )
    return measures(
        attribute_tables(ground_truth, [(row, objects[row["annotation_id"]]) for row in described])
    )


def _refuse(annotation_ids, what):
    wrong = sorted(annotation_ids)
    if wrong:
        raise ValueError(
            f"{len(wrong)} {what}: {', '.join(map(str, wrong[:_SHOWN]))}{' …' if len(wrong) > _SHOWN else ''}. Expected one "
            "description for each object that is no crowd, made for the same photos."
        )


def _matched(ground_truth, detections, iou_threshold, score_threshold):
    """(detection, annotation) pairs; each occurs once at most."""
    objects, found = grouped(ground_truth, detections, score_threshold)
    size_of = {image["id"]: (image["height"], image["width"]) for image in ground_truth["images"]}
    return [
        pair
        for key in objects
        if key in found
        for pair in matches(found[key], objects[key], size_of[key[0]], iou_threshold)
    ]
