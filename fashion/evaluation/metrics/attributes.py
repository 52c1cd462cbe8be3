"""Attribute F1: how well are the attributes named of those objects that were matched?

Objects are matched first (same image, same category, mask IoU), so the numbers say something about
the attribute head alone; other metrics count missed objects. Where the attributes
were predicted at the ground-truth boxes, nothing is missed and nothing has to be matched.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from fashion.evaluation.attribute_tables import (
    THRESHOLDS,
    attribute_tables,
    curves_over_thresholds,
    has_attributes,
    objects_of,
    score_attributes,
)
from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.registry import CONFIDENT, Inputs, column, metric

_EXAMPLES = 3  # that an error names


def attribute_f1(
    ground_truth: dict, detections: Sequence[dict], *, iou_threshold: float = 0.5
) -> dict:
    """Computes F1 and average precision of the attributes on predictions that match an object.

    Args:
        ground_truth: COCO dict; annotations have "attribute_ids" (missing: none).
        detections: COCO results with "segmentation" (RLE), "attribute_ids" and maybe
            "attribute_scores", `(T,)`, one for each of the ground truth's "attributes", in its
            order.
        iou_threshold: Least mask IoU of a match.

    Returns:
        See `attribute_tables.score_attributes`.
    """
    table = MatchTable.build(ground_truth, detections)
    return score_attributes(attribute_tables(ground_truth, matched_dicts(table, iou_threshold)))


def attribute_curves(
    ground_truth: dict,
    detections: Sequence[dict],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    iou_threshold: float = 0.5,
) -> dict:
    """Computes precision, recall and F1 at several thresholds on the attribute scores.

    Args:
        ground_truth: As for `attribute_f1`.
        detections: As for `attribute_f1`.
        thresholds: On "attribute_scores".
        iou_threshold: Least mask IoU of a match.

    Returns:
        {"thresholds", "precision", "recall", "f1"}, lists of floats, one for each threshold, over
        all (object, attribute) pairs of categories that carry attributes; {} if no scores are
        stored.
    """
    table = MatchTable.build(ground_truth, detections)
    tables = attribute_tables(ground_truth, matched_dicts(table, iou_threshold))
    return curves_over_thresholds(tables, thresholds)


def attribute_f1_on_truth(ground_truth: dict, described: Sequence[dict]) -> dict:
    """Computes the same as `attribute_f1` for attributes predicted at the ground-truth boxes.

    Args:
        ground_truth: As for `attribute_f1`.
        described: {"annotation_id", "attribute_ids", maybe "attribute_scores"}, one for each object
            that is not a crowd, in any order.

    Returns:
        See `attribute_tables.score_attributes`.

    Raises:
        ValueError: If objects are described twice, or not at all, or do not exist.
    """
    objects = {row["id"]: row for row in objects_of(ground_truth)}
    ids = [row["annotation_id"] for row in described]
    _refuse(
        set(ids) - objects.keys(),
        "annotation ids are described that the ground truth does not have",
    )
    _refuse(objects.keys() - set(ids), "objects of the ground truth are not described")
    _refuse(
        (i for i, times in Counter(ids).items() if times > 1),
        "objects are described more than once",
    )
    pairs = [(row, objects[row["annotation_id"]]) for row in described]
    return score_attributes(attribute_tables(ground_truth, pairs))


def matched_dicts(table: MatchTable, iou_threshold: float = 0.5) -> list[tuple[dict, dict]]:
    """Looks up the dicts of matched predictions and objects.

    Args:
        table: Ground truth, and the predictions that count.
        iou_threshold: Least IoU of a match.

    Returns:
        (detection, annotation) pairs; each dict occurs once at most.
    """
    annotations = table.ground_truth["annotations"]
    return [
        (table.detections[table.pred_index[row]], annotations[table.gt_index[an_object]])
        for row, an_object in zip(*table.matches(iou_threshold))
    ]


def _refuse(annotation_ids: Iterable[int], what: str) -> None:
    wrong = sorted(annotation_ids)
    if wrong:
        more = " …" if len(wrong) > _EXAMPLES else ""
        raise ValueError(
            f"{len(wrong)} {what}: {', '.join(map(str, wrong[:_EXAMPLES]))}{more}. Expected one "
            "description for each object that is not a crowd, made for the same photos."
        )


def _rows(scores: dict) -> list[str]:
    """Of matched objects and, where they were described, of the ground-truth boxes."""
    kinds = {"attributes": "objects", "attributes_on_truth": "true boxes"}
    lines = []
    for key, objects in kinds.items():
        if key not in scores:
            continue
        numbers, names = scores[key], ("micro_f1", "macro_f1")
        known = has_attributes(numbers)
        micro, macro = (f"{numbers[name]:.3f}" if known else "–" for name in names)
        lines.append(
            f"attributes on {numbers['matched']} of {numbers['ground_truth']} {objects}: micro F1 "
            f"{micro}, macro F1 {macro}, mean AP {column(numbers['map']).strip()}"
        )
    return lines


_NUMBERS = {
    "micro_f1": "F1 over all pairs of an object and an attribute together",
    "precision": "share of the predicted attributes that are right",
    "recall": "share of the objects' attributes that are predicted",
    "macro_f1": (
        "mean of the attributes' own F1, over those that occur on a matched object or were "
        "predicted for one"
    ),
    "map": "mean of the attributes' own AP, where it is known",
    "exact": (
        "share of matched objects of which exactly the right set was predicted, of the categories "
        "that carry attributes"
    ),
    "counts": "the pairs: `true_positive`, `false_positive`, `false_negative`",
    "matched": "objects that were matched",
    "ground_truth": "all objects without crowds",
    "per_attribute": (
        "of each: `name`, `supercategory`, `f1`, `precision`, `recall`, `ap`, `instances` (matched "
        "objects that have it), `predicted` (of how many it was predicted)"
    ),
    "per_supercategory": (
        "of each, by its name: `f1` (micro), `macro_f1`, `ap` (mean), `instances`, `predicted`"
    ),
    "per_category": (
        "of each that carries attributes or had some predicted: `name`, `micro_f1`, `macro_f1`, "
        "`precision`, `recall`, `map`, `matched`, `instances` (all its objects)"
    ),
}


@metric(
    "attributes",
    "Attributes of matched objects",
    section=CONFIDENT,
    order=40,
    rows=_rows,
    formula="F1 of the attribute sets of matched objects",
    source="our own",
    numbers=_NUMBERS,
    documentation=(
        "A prediction of the same category with mask IoU 0.5 or more matches an object, one to "
        "one, the most confident choosing first; then the sets of attributes are compared. So "
        "these numbers describe the attributes alone; other metrics count missed objects. "
        "Undefined ratios are 0.\n\n"
        "AP ranks the matched objects of categories that carry attributes by the attribute's "
        "score: the sum of (R_n - R_(n-1)) P_n over falling scores, without interpolation, as "
        "scikit-learn has it. It is -1 for an attribute that none of them has, and where the "
        "predictions store no scores of attributes. A category carries attributes if an object of "
        "the ground truth that belongs to it has one. One for which the predictions store no "
        "scores at all, because their label list asks for none there, is left out of the ranking; "
        "where some of its objects have scores and others lack them, nothing is ranked."
    ),
)
def attributes(inputs: Inputs) -> dict:
    """Attribute F1 of the confident predictions.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        See `attribute_tables.score_attributes`.
    """
    # The curves read the same tables.
    pairs = inputs.once(matched_dicts, inputs.confident_masks)
    return score_attributes(inputs.once(attribute_tables, inputs.ground_truth, pairs))


@metric(
    "attribute_curves",
    "Attributes over the score threshold",
    section=CONFIDENT,
    order=41,
    rows=lambda scores: [],  # too many numbers for a line
    formula="precision, recall and F1 if attributes count from a score on",
    source="our own",
    numbers={
        "thresholds": "on the scores of attributes",
        "precision": "at each of them",
        "recall": "at each of them",
        "f1": "at each of them",
    },
    documentation=(
        "Of the objects that `attributes` ranks. Empty where the predictions have no scores of "
        "attributes."
    ),
)
def curves(inputs: Inputs) -> dict:
    """Attribute curves of the confident predictions.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        See `attribute_curves`.
    """
    pairs = inputs.once(matched_dicts, inputs.confident_masks)
    return curves_over_thresholds(inputs.once(attribute_tables, inputs.ground_truth, pairs))


@metric(
    "attributes_on_truth",
    "Attributes at the ground-truth boxes",
    section=CONFIDENT,
    order=42,
    rows=lambda scores: [],  # below those of matched objects
    formula="F1 of the attributes that a model predicts for ground-truth boxes (`--true-boxes`)",
    source="our own",
    numbers=_NUMBERS,
    documentation=(
        "Nothing is missed or misplaced here: how good the attribute head is if all else is right."
    ),
)
def on_truth(inputs: Inputs) -> None:
    """Needs a model: `fashion evaluate` adds it with `describe_dataset`.

    Args:
        inputs: Ground truth and predictions.
    """
    return None
