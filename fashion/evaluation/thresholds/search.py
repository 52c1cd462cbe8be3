"""The search for the thresholds at which a metric is best, in five levels of detail.

| level | what is searched in addition |
|---|---|
| given | nothing |
| global | one score, mask and attribute threshold, and the most detections of an image |
| supercategory | one threshold for the attributes of each super-category (lengths, necklines, …) |
| category | the three thresholds of each category, and whether to predict it at all |
| attribute | a threshold for each attribute of a category |

More thresholds fit the images that they were searched on better and better, and other images at
some point worse. So every level is searched in each fold and judged on the images held out. The
level to use is the simplest within one standard error of the best (Breiman et al. 1984,
"Classification and Regression Trees", 3.4.3), searched on all images. Only Kaggle's two means over
images have a standard error; for other metrics the best level is used.

Kaggle's scores are searched at all levels. Average precision reads the order of the scores, which
thresholds cannot improve, and the F1 of attributes is that of matched objects: there, attribute
thresholds alone are searched.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fashion.evaluation.thresholds.candidate import Candidate
from fashion.evaluation.thresholds.level_search import (
    SCORES,
    OnStep,
    image_values,
    search_levels,
)
from fashion.evaluation.thresholds.names import LEVELS
from fashion.evaluation.thresholds.objectives import Objective, mean_over_images
from fashion.evaluation.thresholds.tuning_data import TuningData

_MIN_GAIN = 1e-9  # a smaller gain is rounding


@dataclasses.dataclass(frozen=True)
class Tuned:
    """The result of a search.

    Attributes:
        candidates: `{level: Candidate}`, searched on all images.
        on_same: `{level: value}` on the images of the search, which is optimistic.
        held_out: `{level: value}` on images held out.
        level: The level to use.
    """

    candidates: dict[str, Candidate]
    on_same: dict[str, float]
    held_out: dict[str, float]
    level: str


def search(
    data: TuningData,
    objective: Objective,
    *,
    score: float = 0.5,
    attribute: float = 0.5,
    folds: int = 5,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Tuned:
    """Searches thresholds with cross-validation.

    Args:
        data: From `read_tuning_data`.
        objective: What to maximise.
        score: Given score threshold. A ranked objective reads every score.
        attribute: Given attribute threshold.
        folds: Parts of the images.
        seed: Of the split into folds.
        on_step: Called 4 * (folds + 1) times, for progress.

    Returns:
        Candidates and values of each level.

    Raises:
        ValueError: If there are fewer images than folds, or no attributes to search.
    """
    count = len(data.images)
    _check_search(data, objective, folds)
    start = Candidate.uniform(data, 0.0 if objective.ranked else score, attribute)
    # Shared by the folds, which evaluate mostly the same candidates on the same images.
    memory: dict = {}
    fold_of = np.random.default_rng(seed).permutation(count) % folds
    find = functools.partial(
        search_levels, data, objective, start=start, memory=memory, on_step=on_step
    )
    held_out: dict[str, list] = {level: [None] * count for level in LEVELS}
    for fold in range(folds):
        for level, candidate in find(np.flatnonzero(fold_of != fold)).items():
            # Each image keeps the candidate that was searched without it.
            for image in np.flatnonzero(fold_of == fold):
                held_out[level][image] = candidate
    candidates = find(np.arange(count))
    values = {level: value_of(data, objective, each) for level, each in held_out.items()}
    on_same = {}
    for level, candidate in candidates.items():
        on_same[level] = value_of(data, objective, [candidate] * count)
    level = _simplest_of_the_best(data, objective, values, held_out)
    return Tuned(candidates, on_same, values, level)


def _check_search(data: TuningData, objective: Objective, folds: int) -> None:
    if not objective.image_value and not data.attribute_ids:
        raise ValueError(
            f"{objective.title} is tuned by attribute thresholds, and the ground truth lists no "
            "attributes."
        )
    if not 2 <= folds <= len(data.images):
        raise ValueError(
            f"There must be at least 2 folds and an image for each. Got {folds} folds, "
            f"{len(data.images)} images."
        )


def value_of(data: TuningData, objective: Objective, candidates: Sequence[Candidate]) -> float:
    """Returns the exact value of an objective.

    Args:
        data: I images.
        objective: The metric.
        candidates: I candidates, one for each image.

    Returns:
        The value, in [0, 1].
    """
    if objective.image_value:
        totals = image_values(data, objective, candidates).sum(axis=0)
        return objective.aggregate(totals, len(data.images))
    assert objective.score
    tables = {id(candidate): candidate.to_table(data) for candidate in candidates}
    kept = []
    for image, candidate in zip(data.images, candidates, strict=True):
        detections = [data.detections[row] for row in image.rows]
        kept += tables[id(candidate)].apply_to_coco(detections, data.ground_truth)
    return max(objective.score(data.ground_truth, kept), 0.0)


def grid(
    data: TuningData,
    objective: Objective,
    scores: Sequence[float] = tuple(SCORES[1::2]),
    attributes: Sequence[float] = tuple(SCORES[1::2]),
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Evaluates every pair of a score and an attribute threshold, the same for all categories.

    Args:
        data: From `read_tuning_data`.
        objective: The metric.
        scores: S score thresholds.
        attributes: A attribute thresholds.
        on_step: Called S * A times, for progress.

    Returns:
        "metric", "score_thresholds", "attribute_thresholds" and "values", S lists of A floats.
    """
    values: list[list[float]] = []
    for score in scores:
        values.append([])
        for attribute in attributes:
            candidate = Candidate.uniform(data, score, attribute)
            values[-1].append(value_of(data, objective, [candidate] * len(data.images)))
            if on_step:
                on_step()
    return {
        "metric": objective.title,
        "score_thresholds": [float(s) for s in scores],
        "attribute_thresholds": [float(a) for a in attributes],
        "values": values,
    }


def _simplest_of_the_best(
    data: TuningData,
    objective: Objective,
    values: dict[str, float],
    held_out: dict[str, list[Candidate]],
) -> str:
    """The simplest level within one standard error of the best."""
    best = max(LEVELS, key=lambda level: values[level])
    for level in LEVELS[: LEVELS.index(best)]:
        tolerance = _MIN_GAIN
        # Other metrics have no value of a single image, and so no standard error.
        if objective.image_value and objective.aggregate is mean_over_images:
            of_best = image_values(data, objective, held_out[best])
            differences = (of_best - image_values(data, objective, held_out[level])).ravel()
            tolerance += differences.std(ddof=1) / len(differences) ** 0.5
        if values[level] >= values[best] - tolerance:
            return level
    return best
