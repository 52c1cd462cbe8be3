"""Every metric of stored predictions: as numbers under keys that stay, and as a table to read."""

from collections.abc import Collection, Sequence

import fashion.evaluation.metrics  # noqa: F401  (importing a metric registers it)
from fashion.evaluation.metrics.recall import UNDEFINED
from fashion.evaluation.metrics.registry import CONFIDENT, LAST, METRICS, RANKED, Inputs, column
from fashion.pages.text import short_names


def score_predictions(
    ground_truth: dict,
    detections: Sequence[dict],
    *,
    fixed: bool = False,
    score_threshold: float = 0.5,
) -> dict:
    """Computes every registered metric.

    Args:
        ground_truth: COCO dict, from `read_ground_truth`.
        detections: COCO results, from `read_detections`.
        fixed: Whether to add our variant of Fashionpedia's AP. It stands alone where the categories
            are not the official evaluator's.
        score_threshold: Least confidence of the predictions that count where a metric reads only
            confident ones. Average precision and CorLoc rank all predictions.

    Returns:
        {key of a metric: what its function returns}, and "score_threshold". A metric that does not
        apply is left out.
    """
    inputs = Inputs(ground_truth, detections, score_threshold=score_threshold, fixed=fixed)
    return compute_metrics(inputs)


def compute_metrics(inputs: Inputs, keys: Collection[str] | None = None) -> dict:
    """Computes registered metrics of ground truth and predictions.

    Args:
        inputs: Ground truth and predictions.
        keys: Of the metrics; all by default.

    Returns:
        See `score_predictions`.
    """
    scores = {}
    for key, entry in METRICS.items():
        if keys is None or key in keys:
            if entry.section == CONFIDENT:  # the file states what was confident
                scores["score_threshold"] = inputs.score_threshold
            numbers = entry.compute(inputs)
            if numbers is not None:
                scores[key] = numbers
    return scores


def table(scores: dict) -> str:
    """Writes scores as text, most general first, the categories that occur last.

    Args:
        scores: From `score_predictions`, perhaps with "attributes_on_truth", from
            `attribute_f1_on_truth`.

    Returns:
        Lines for the screen.
    """
    paragraphs = {section: _paragraphs(scores, section) for section in (RANKED, CONFIDENT, LAST)}
    threshold = scores.get("score_threshold", 0)
    heading = f"Of the detections with a score of at least {threshold:g}:"
    confident = [line for lines in paragraphs[CONFIDENT] for line in lines]
    blocks = [*paragraphs[RANKED]]
    if confident:  # their lines belong together, under one heading
        blocks.append([heading, *confident])
    blocks += [*paragraphs[LAST], category_rows(scores)]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _paragraphs(scores: dict, section: str) -> list[list[str]]:
    """The lines of each metric of a section that has some."""
    entries = [entry for entry in METRICS.values() if entry.section == section]
    return [lines for entry in entries if (lines := entry.table_rows(scores))]


def category_rows(scores: dict) -> list[str]:
    """Writes a line for each category that occurs; AP of masks.

    Args:
        scores: From `score_predictions`.

    Returns:
        A heading, the lines, and a line of all categories together.
    """
    lines = [
        f"{'category':34}{'objects':>8}{'AP':>8}{'AP50':>8}{'recall':>8}{'F1':>8}"
        "   (F1 of its attributes)"
    ]
    categories = scores["coco"]["segm"]["per_category"]
    names = short_names([row["name"] for row in categories.values()])
    for category, row in categories.items():
        attributes = scores["attributes"]["per_category"].get(category, {})
        # Without a matched object no attributes were compared.
        f1 = attributes["micro_f1"] if attributes.get("matched") else UNDEFINED
        if row["instances"]:
            recall = scores["found"]["per_category"][category]["sensitivity"]
            lines.append(
                f"{names[row['name']][:33]:34}{row['instances']:8d}{column(row['AP'])}"
                f"{column(row['AP50'])}{column(recall)}{column(f1)}"
            )
    masks, found, attributes = scores["coco"]["segm"], scores["found"], scores["attributes"]
    f1 = attributes["micro_f1"] if attributes.get("matched") else UNDEFINED
    lines.append(
        f"{'all':34}{found['instances']:8d}{column(masks['AP'])}"
        f"{column(masks['AP50'])}{column(found['sensitivity'])}{column(f1)}"
    )
    return lines
