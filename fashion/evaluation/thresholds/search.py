"""Search: the thresholds at which a measure is best, in five levels, each judged on photos that it was not searched on.

| level | what is searched beside the level before |
|---|---|
| given | nothing |
| global | one score, mask and attribute threshold for all, and how many detections a photo may have |
| supercategory | for the attributes of each super-category (lengths, necklines, …) their own threshold |
| category | for each category its own three, and whether it is worth predicting at all |
| attribute | for each attribute of a category its own threshold |

More thresholds fit the photos that they were searched on ever better, and others at some point worse, so every level is searched anew on
each of several folds and judged on the rest. The one to use, searched on all photos, is the simplest that is no worse there than the best
by more than one standard error of their difference (Breiman et al. 1984, "Classification and Regression Trees", 3.4.3). Photos have
values of their own in Kaggle's two means over photos; for other measures it is the best.

Kaggle's scores are searched in all of these. Average precision goes by the order of the scores, so thresholds on them cannot improve it,
and the F1 of attributes is of the objects that were found: there, attributes alone are searched.
"""

import dataclasses
import functools
import hashlib
import itertools

import numpy as np

from fashion.evaluation.thresholds.attribute_search import (
    common_threshold,
    matched_attributes,
    thresholds_of_attributes,
    thresholds_of_categories,
    thresholds_of_supercategories,
)
from fashion.evaluation.thresholds.candidate import NO_LIMIT, Choice
from fashion.evaluation.thresholds.objectives import mean_of_photos

LEVELS = ("given", "global", "supercategory", "category", "attribute")
SCORES = np.arange(1, 20) / 20
LIMITS = (NO_LIMIT, 1, 2, 3, 5)
_QUANTILES = np.arange(1, 16) / 16  # of a category's scores: thresholds that are tried
_SWEEPS = 2
_GAIN = 1e-9  # an improvement is more than rounding


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What a search found."""

    choices: dict  # level -> Choice, searched on all photos
    on_same: dict  # level -> value on the photos that it was searched on, which flatters
    held_out: dict  # level -> value on photos that it was not searched on
    level: str  # the one to use


def search(evidence, goal, *, score=0.5, attribute=0.5, folds=5, seed=0, on_step=None):
    """Search the thresholds of some `Evidence` for a `Goal`; score, attribute: what is given; of a ranked goal every score counts.

    folds: number of parts that the photos are dealt into; on_step: called (folds + 1) * 4 times, for progress
    Raises ValueError if there are fewer photos than folds.
    """
    count = len(evidence.photos)
    if not goal.of_photo and not evidence.attribute_ids:
        raise ValueError(
            f"{goal.title} is searched for in the attributes, and the ground truth lists none."
        )
    if not 2 <= folds <= count:
        raise ValueError(
            f"There must be at least 2 folds and a photo for each. Got {folds} folds, {count} photos."
        )
    start = Choice.uniform(evidence, 0.0 if goal.ranked else score, attribute)
    memory = {}
    fold_of = np.random.default_rng(seed).permutation(count) % folds
    held_out = {level: [None] * count for level in LEVELS}
    for fold in range(folds):
        found = _levels(evidence, goal, np.flatnonzero(fold_of != fold), start, memory, on_step)
        for level, choice in found.items():
            for photo in np.flatnonzero(fold_of == fold):
                held_out[level][photo] = choice
    choices = _levels(evidence, goal, np.arange(count), start, memory, on_step)
    values = {level: value_of(evidence, goal, of_photos) for level, of_photos in held_out.items()}
    on_same = {
        level: value_of(evidence, goal, [choice] * count) for level, choice in choices.items()
    }
    return Tuned(choices, on_same, values, _simplest_of_the_best(evidence, goal, values, held_out))


def _simplest_of_the_best(evidence, goal, values, held_out):
    best = max(LEVELS, key=lambda level: values[level])
    for level in LEVELS[: LEVELS.index(best)]:
        chance = _GAIN
        if (
            goal.of_photo and goal.total is mean_of_photos
        ):  # for other measures a photo has no value of its own
            differences = (
                _of_photos(evidence, goal, held_out[best])
                - _of_photos(evidence, goal, held_out[level])
            ).ravel()
            chance += differences.std(ddof=1) / len(differences) ** 0.5
        if values[level] >= values[best] - chance:
            return level
    return best


def value_of(evidence, goal, choices):
    """The value of a goal if photo i is decided by choices[i]."""
    if goal.of_photo:
        return goal.total(_of_photos(evidence, goal, choices).sum(axis=0), len(evidence.photos))
    tables = {id(choice): choice.thresholds(evidence) for choice in choices}
    decided = []
    for photo, choice in zip(evidence.photos, choices, strict=True):
        decided += tables[id(choice)].decided(
            [evidence.detections[row] for row in photo.rows], evidence.ground_truth
        )
    return max(goal.of_dicts(evidence.ground_truth, decided), 0.0)


def grid(evidence, goal, scores=tuple(SCORES[1::2]), attributes=tuple(SCORES[1::2]), on_step=None):
    """The value at every pair of a score and an attribute threshold, the same for all categories.

    Returns: {"metric", "score_thresholds": (S,), "attribute_thresholds": (A,), "values": S lists of A floats}, JSON-able.
    """
    values = []
    for score in scores:
        values.append([])
        for attribute in attributes:
            choice = Choice.uniform(evidence, score, attribute)
            values[-1].append(value_of(evidence, goal, [choice] * len(evidence.photos)))
            if on_step:
                on_step()
    return {
        "metric": goal.title,
        "score_thresholds": [float(s) for s in scores],
        "attribute_thresholds": [float(a) for a in attributes],
        "values": values,
    }


def _levels(evidence, goal, indices, start, memory, on_step):
    """{level: Choice}, searched on the photos of these indices."""
    photos = [evidence.photos[i] for i in indices]
    if goal.of_photo:
        find = _LevelSearch(evidence, goal, indices, photos, memory)
    else:  # no value for each photo: average precision, and the F1 of the attributes of what was found
        find = functools.partial(with_attributes, evidence=evidence, photos=photos, goal=goal)
    found = {"given": start}
    for before, level in itertools.pairwise(LEVELS):
        found[level] = find(level, found[before])
        if on_step:
            on_step()
    return found


def _of_photos(evidence, goal, choices):
    """(photos, n): what each photo adds to the sums of a goal."""
    return np.array(
        [
            _of_photo(goal, photo, choice.kept(photo), choice.said(photo), choice)
            for photo, choice in zip(evidence.photos, choices, strict=True)
        ]
    )


def _of_photo(goal, photo, kept, said, choice):
    return goal.of_photo(photo, kept, choice.iou(photo), goal.describe(photo, said))


def with_attributes(level, choice, evidence, photos, goal):
    """The choice with the attribute thresholds that are worth the most on some photos at a level."""
    matched, start = matched_attributes(photos, choice, goal), choice.attribute
    if not start.size:
        return choice
    if level == "global":
        attribute = common_threshold(matched, goal, start)
        return choice.copy(
            attribute=attribute, common=(*choice.common[:2], float(attribute.flat[0]))
        )
    if level == "supercategory":
        attribute = thresholds_of_supercategories(matched, goal, start, evidence.supercategories)
        levels = {
            name: float(value)
            for name, value in zip(evidence.supercategories, attribute[0])
            if value != choice.common[2]
        }
        return choice.copy(attribute=attribute, supercategories=levels)
    find = {"category": thresholds_of_categories, "attribute": thresholds_of_attributes}[level]
    return choice.copy(attribute=find(matched, goal, start))


class _LevelSearch:
    """Coordinate ascent on the exact value: one threshold changes, the photos that it touches are judged again."""

    def __init__(self, evidence, goal, indices, photos, memory):
        self.evidence, self.goal, self.indices, self.photos = evidence, goal, indices, photos
        self.memory = memory  # (photo, its attributes, what was kept) -> value; the folds share it

    def __call__(self, level, choice):
        steps = {
            "global": (self._common_decisions, self._attributes, self._common_decisions),
            "supercategory": (self._attributes,),
            "attribute": (self._attributes,),
            "category": (self._attributes, *[self._decisions_of_categories] * _SWEEPS),
        }[level]
        for step in steps:
            choice = step(level, choice)
        return choice

    def _attributes(self, level, choice):
        proposed = with_attributes(level, choice, self.evidence, self.photos, self.goal)
        return (
            proposed
            if self._total(self._values(proposed)) > self._total(self._values(choice)) + _GAIN
            else choice
        )

    def _common_decisions(self, level, choice):
        best, best_value = choice, self._total(self._values(choice))

        def attempt(score, mask, limit):
            nonlocal best, best_value
            new = best.copy(
                score=np.full_like(best.score, score),
                mask=np.full_like(best.mask, mask),
                limit=limit,
                common=(float(score), self.evidence.masks[mask], best.common[2]),
            )
            value = self._total(self._values(new))
            if value > best_value + _GAIN:
                best, best_value = new, value

        for limit in LIMITS:
            for score in SCORES:
                attempt(score, best.mask[0], limit)
        for mask in range(len(self.evidence.masks)):
            attempt(best.common[0], mask, best.limit)
        return best

    def _decisions_of_categories(self, level, choice):
        values = self._values(choice)
        best = self._total(values)
        shows = [
            [i for i, photo in enumerate(self.photos) if k in photo.category]
            for k in range(len(self.evidence.category_ids))
        ]
        for k in sorted((k for k in range(len(shows)) if shows[k]), key=lambda k: -len(shows[k])):
            for name, value in self._changes(k, shows[k]):
                column = getattr(choice, name).copy()
                column[k] = value
                new = choice.copy(**{name: column})
                here = dict(zip(shows[k], self._values(new, shows[k])))
                all_values = [here.get(i, before) for i, before in enumerate(values)]
                total = self._total(all_values)
                if total > best + _GAIN:
                    choice, values, best = new, all_values, total
        return choice

    def _changes(self, k, shown):
        """What may be tried in category k: (field of Choice, value)."""
        scores = np.concatenate([self.photos[i].score[self.photos[i].category == k] for i in shown])
        yield from (("on", False), ("on", True))
        yield from (
            ("score", score)
            for score in np.unique(np.floor(np.quantile(scores, _QUANTILES) * 1e4) / 1e4)
        )
        yield from (("mask", mask) for mask in range(len(self.evidence.masks)))

    def _values(self, choice, places=None):
        """The value of each photo, or of those at these places."""
        places, values = range(len(self.photos)) if places is None else places, []
        for i in places:
            photo, said = self.photos[i], choice.said(self.photos[i])
            kept = choice.kept(photo)
            key = _key(int(self.indices[i]), kept, choice.mask[photo.category[kept]], said[kept])
            if key not in self.memory:
                self.memory[key] = _of_photo(self.goal, photo, kept, said, choice)
            values.append(self.memory[key])
        return values

    def _total(self, values):
        return self.goal.total(sum(values), len(self.photos))


def _key(number, *arrays):
    """What is decided of a photo, in few bytes: a search remembers every decision that it tried."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:  # the length of the first is that of the others
        digest.update(array.tobytes())
    return number, digest.digest()
