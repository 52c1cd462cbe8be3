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
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fashion.evaluation.thresholds.attribute_search import (
    common_threshold,
    matched_attributes,
    thresholds_of_attributes,
    thresholds_of_categories,
    thresholds_of_supercategories,
)
from fashion.evaluation.thresholds.candidate import NO_LIMIT, Candidate
from fashion.evaluation.thresholds.objectives import Objective, mean_over_images
from fashion.evaluation.thresholds.tuning_data import TuningData, TuningImage
from mrcnn.typing import Array

LEVELS = ("given", "global", "supercategory", "category", "attribute")
SCORES = np.arange(1, 20) / 20  # common score thresholds that are tried
_LIMITS = (NO_LIMIT, 1, 2, 3, 5)  # Kaggle 2020 ignores misses, so few detections may be best
_QUANTILES = np.arange(1, 16) / 16  # of a category's scores: thresholds that are tried
_SWEEPS = 2
_MIN_GAIN = 1e-9  # a smaller gain is rounding

OnStep = Callable[[], object]


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
    memory: dict = {}
    fold_of = np.random.default_rng(seed).permutation(count) % folds
    find = functools.partial(
        _search_levels, data, objective, start=start, memory=memory, on_step=on_step
    )
    held_out: dict[str, list] = {level: [None] * count for level in LEVELS}
    for fold in range(folds):
        for level, candidate in find(np.flatnonzero(fold_of != fold)).items():
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
        totals = _image_values(data, objective, candidates).sum(axis=0)
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
            of_best = _image_values(data, objective, held_out[best])
            differences = (of_best - _image_values(data, objective, held_out[level])).ravel()
            tolerance += differences.std(ddof=1) / len(differences) ** 0.5
        if values[level] >= values[best] - tolerance:
            return level
    return best


def _search_levels(
    data: TuningData,
    objective: Objective,
    indices: Array,
    start: Candidate,
    memory: dict,
    on_step: OnStep | None,
) -> dict[str, Candidate]:
    """{level: Candidate}, searched on the images of these indices."""
    images = [data.images[i] for i in indices]
    find: Callable[[str, Candidate], Candidate]
    if objective.image_value:
        find = _ExactSearch(data, objective, indices, images, memory)
    else:
        find = functools.partial(_with_attributes, data=data, images=images, objective=objective)
    found = {"given": start}
    for before, level in itertools.pairwise(LEVELS):
        found[level] = find(level, found[before])
        if on_step:
            on_step()
    return found


def _with_attributes(
    level: str,
    candidate: Candidate,
    data: TuningData,
    images: Sequence[TuningImage],
    objective: Objective,
) -> Candidate:
    """The candidate with the attribute thresholds of the greatest utility at a level."""
    matched, start = matched_attributes(images, candidate, objective), candidate.attribute
    if not start.size:
        return candidate
    if level == "global":
        attribute = common_threshold(matched, objective, start)
        common = (*candidate.common[:2], float(attribute.flat[0]))
        return candidate.copy(attribute=attribute, common=common)
    if level == "supercategory":
        attribute = thresholds_of_supercategories(matched, objective, start, data.supercategories)
        own = {}
        for name, value in zip(data.supercategories, attribute[0]):
            if value != candidate.common[2]:
                own[name] = float(value)
        return candidate.copy(attribute=attribute, supercategories=own)
    find = {"category": thresholds_of_categories, "attribute": thresholds_of_attributes}[level]
    return candidate.copy(attribute=find(matched, objective, start))


def _image_values(data: TuningData, objective: Objective, candidates: Sequence[Candidate]) -> Array:
    """(images, n): what each image adds to the sums of an objective."""
    values = []
    for image, candidate in zip(data.images, candidates, strict=True):
        predicted = candidate.predicted_attributes(image)
        values.append(_image_value(objective, image, candidate.kept(image), predicted, candidate))
    return np.array(values)


def _image_value(
    objective: Objective,
    image: TuningImage,
    kept: Array,
    predicted: Array,
    candidate: Candidate,
) -> Array:
    assert objective.image_value and objective.prepare
    prepared = objective.prepare(image, predicted)
    return objective.image_value(image, kept, candidate.iou(image), prepared)


class _ExactSearch:
    """Coordinate ascent on the exact value: a threshold changes, the images it touches are judged.

    Values are remembered by what is decided of an image; all folds share the memory.
    """

    def __init__(
        self,
        data: TuningData,
        objective: Objective,
        indices: Array,
        images: Sequence[TuningImage],
        memory: dict,
    ) -> None:
        self.data, self.objective, self.memory = data, objective, memory
        self.indices, self.images = indices, images

    def __call__(self, level: str, candidate: Candidate) -> Candidate:
        steps = {
            # Attributes change which detections pay off, so these are decided twice.
            "global": (self._common_decisions, self._attributes, self._common_decisions),
            "supercategory": (self._attributes,),
            "attribute": (self._attributes,),
            "category": (self._attributes, *[self._decisions_of_categories] * _SWEEPS),
        }[level]
        for step in steps:
            candidate = step(level, candidate)
        return candidate

    def _attributes(self, level: str, candidate: Candidate) -> Candidate:
        proposed = _with_attributes(level, candidate, self.data, self.images, self.objective)
        gain = (
            self._total(self._values(proposed)) > self._total(self._values(candidate)) + _MIN_GAIN
        )
        return proposed if gain else candidate

    def _common_decisions(self, level: str, candidate: Candidate) -> Candidate:
        best, best_value = candidate, self._total(self._values(candidate))

        def attempt(score: float, mask: int, limit: int) -> None:
            nonlocal best, best_value
            new = best.copy(
                score=np.full_like(best.score, score),
                mask=np.full_like(best.mask, mask),
                limit=limit,
                common=(float(score), self.data.masks[mask], best.common[2]),
            )
            value = self._total(self._values(new))
            if value > best_value + _MIN_GAIN:
                best, best_value = new, value

        for limit in _LIMITS:
            for score in SCORES:
                attempt(score, best.mask[0], limit)
        for mask in range(len(self.data.masks)):
            attempt(best.common[0], mask, best.limit)
        return best

    def _decisions_of_categories(self, level: str, candidate: Candidate) -> Candidate:
        values = self._values(candidate)
        best = self._total(values)
        images_of = []
        for k in range(len(self.data.category_ids)):
            images_of.append([i for i, image in enumerate(self.images) if k in image.category])
        predicted = [k for k in range(len(images_of)) if images_of[k]]
        # Frequent categories first: they decide most.
        for k in sorted(predicted, key=lambda k: -len(images_of[k])):
            for field, value in self._changes(k, images_of[k]):
                column = getattr(candidate, field).copy()
                column[k] = value
                new = candidate.copy(**{field: column})
                changed = dict(zip(images_of[k], self._values(new, images_of[k])))
                new_values = [changed.get(i, before) for i, before in enumerate(values)]
                total = self._total(new_values)
                if total > best + _MIN_GAIN:
                    candidate, values, best = new, new_values, total
        return candidate

    def _changes(self, k: int, places: Sequence[int]) -> Iterator[tuple[str, Any]]:
        """What to try for category k: (field of `Candidate`, value)."""
        images = [self.images[i] for i in places]
        scores = np.concatenate([image.score[image.category == k] for image in images])
        yield "on", False
        yield "on", True
        for score in np.unique(np.floor(np.quantile(scores, _QUANTILES) * 1e4) / 1e4):
            yield "score", score
        for mask in range(len(self.data.masks)):
            yield "mask", mask

    def _values(self, candidate: Candidate, places: Sequence[int] | None = None) -> list[Array]:
        """The value of each image, or of those at these places."""
        values = []
        for i in range(len(self.images)) if places is None else places:
            image = self.images[i]
            kept, predicted = candidate.kept(image), candidate.predicted_attributes(image)
            masks = candidate.mask[image.category[kept]]
            key = _key(int(self.indices[i]), kept, masks, predicted[kept])
            if key not in self.memory:
                self.memory[key] = _image_value(self.objective, image, kept, predicted, candidate)
            values.append(self.memory[key])
        return values

    def _total(self, values: Sequence[Array]) -> float:
        return self.objective.aggregate(np.asarray(sum(values)), len(self.images))


def _key(image: int, *arrays: Array) -> tuple[int, bytes]:
    """What is decided of an image, in 16 bytes: a search remembers every decision it tried."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:  # all have the length of the first
        digest.update(array.tobytes())
    return image, digest.digest()
