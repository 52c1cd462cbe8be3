"""The search at each level of detail, on some of the images.

A metric that sums over images is searched exactly, by coordinate ascent. For any other, attribute
thresholds alone are searched, by their utility.
"""

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
from fashion.evaluation.thresholds.names import LEVELS
from fashion.evaluation.thresholds.objectives import Objective
from fashion.evaluation.thresholds.tuning_data import TuningData, TuningImage
from mrcnn.typing import Array

SCORES = np.arange(1, 20) / 20  # common score thresholds that are tried
_LIMITS = (NO_LIMIT, 1, 2, 3, 5)  # Kaggle 2020 ignores misses, so few detections may be best
_QUANTILES = np.arange(1, 16) / 16  # of a category's scores: thresholds that are tried
_SWEEPS = 2
_MIN_GAIN = 1e-9  # a smaller gain is rounding

OnStep = Callable[[], object]


def search_levels(
    data: TuningData,
    objective: Objective,
    indices: Array,
    start: Candidate,
    memory: dict,
    on_step: OnStep | None,
) -> dict[str, Candidate]:
    """Searches all levels, each from the one before.

    Args:
        data: All images.
        objective: What to maximise.
        indices: Images that the search may read.
        start: The candidate of the level "given".
        memory: Values of decisions, shared by all folds.
        on_step: Called 4 times, for progress.

    Returns:
        `{level: Candidate}`.
    """
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


def image_values(data: TuningData, objective: Objective, candidates: Sequence[Candidate]) -> Array:
    """Evaluates every image.

    Args:
        data: I images.
        objective: A metric that sums over images.
        candidates: I candidates, one for each image.

    Returns:
        `(I, n)` float64, what each image adds to the sums.
    """
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
