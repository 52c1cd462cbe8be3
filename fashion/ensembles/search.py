"""Search: weights of the members and the IoU of fusion that score best, judged on other images.

The candidates are tried on all images at once. For each fold of the images, the best candidate on
the other folds is chosen, and its predictions of the fold are kept: their score is that of an
ensemble on images that did not choose it. The best candidate on all images is what is written.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fashion.ensembles.stored import StoredMember, stored_images
from fashion.evaluation.bootstrap import ap_of_images
from fashion.evaluation.matching import MatchTable
from mrcnn.inference.fusion import FusionSettings
from mrcnn.typing import Array

IOU_THRESHOLDS = (0.5, 0.6, 0.7)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the weights that are tried


@dataclass(frozen=True)
class Candidate:
    """Weights and settings that are tried.

    Attributes:
        weights: Of each member; 0 leaves it out.
        settings: How boxes are fused.
    """

    weights: tuple[float, ...]
    settings: FusionSettings


@dataclass(frozen=True)
class Found:
    """The result of a search. All scores are COCO's mask AP.

    Attributes:
        best: On all images.
        in_fold: AP of the best candidate on the images that chose it.
        out_of_fold: AP where each image has the candidate that other images chose.
        alone: AP of each member by itself, in its own scores.
        equal: AP of equal weights, with the IoU threshold that was given.
        chosen: The candidate of each fold.
    """

    best: Candidate
    in_fold: float
    out_of_fold: float
    alone: tuple[float, ...]
    equal: float
    chosen: tuple[Candidate, ...]


def candidates_of(
    count: int, settings: FusionSettings, trials: int = 40, seed: int = 0
) -> list[Candidate]:
    """Lists what is tried: equal weights first, then each member alone, then mixtures.

    Args:
        count: Members.
        settings: How boxes are fused; the IoU threshold is tried at several values.
        trials: How many at most.
        seed: Chooses among more mixtures.

    Returns:
        The candidates, without repetition.
    """
    equal = (1.0 / count,) * count
    alone = [tuple(map(float, np.eye(count)[i])) for i in range(count)]
    first = [Candidate(weights, settings) for weights in (equal, *alone)]
    rng = np.random.default_rng(seed)
    mixed = {
        tuple(share / sum(shares) for share in shares)
        for shares in _mixtures(count, trials, rng)
        if np.count_nonzero(shares) > 1
    }
    rest = [
        Candidate(tuple(round(weight, 4) for weight in weights), replace(settings, iou_threshold=t))
        for weights, t in itertools.product(
            sorted({equal, *mixed}), sorted({settings.iou_threshold, *IOU_THRESHOLDS})
        )
    ]
    order = rng.permutation(len(rest))
    return list(dict.fromkeys(first + [rest[i] for i in order]))[: max(trials, len(first))]


def search(
    ground_truth: dict[str, Any],
    frame: Mapping[str, Any],
    members: Sequence[StoredMember],
    candidates: Sequence[Candidate],
    *,
    folds: int = 5,
    seed: int = 0,
    on_image: Callable[[], Any] = lambda: None,
) -> Found:
    """Searches with cross-validation.

    Args:
        ground_truth: Checked COCO dict.
        frame: Images and labels of the members, which are those of the ground truth.
        members: Predictions.
        candidates: From `candidates_of`: equal weights, each member alone, others.
        folds: Parts of the images.
        seed: Of the split into folds.
        on_image: Called after each image, for progress.

    Returns:
        The best candidate, and how good it is on images that did not choose it.

    Raises:
        ValueError: There are fewer images than folds.
    """
    if not 2 <= folds <= len(ground_truth["images"]):
        raise ValueError(
            f"There must be at least 2 folds and an image for each. Got {folds} folds, "
            f"{len(ground_truth['images'])} images."
        )
    found: list[list[dict[str, Any]]] = [[] for _ in candidates]
    for image in stored_images(frame, members):
        for rows, candidate in zip(found, candidates, strict=True):
            rows += image.fused(candidate.weights, candidate.settings)
        on_image()
    tables = [MatchTable.build(ground_truth, rows, "segm") for rows in found]
    image_ids = tables[0].image_ids
    fold_of = np.random.default_rng(seed).permutation(len(image_ids)) % folds
    selections = [np.ones(len(image_ids), int), *((fold_of != f).astype(int) for f in range(folds))]
    scores = np.array([_mean_ap(table, np.array(selections)) for table in tables])
    best = scores.argmax(axis=0)  # of all images, then of each fold's others
    place = {image_id: i for i, image_id in enumerate(image_ids)}
    held_out = [
        row
        for fold in range(folds)
        for row in found[best[1 + fold]]
        if fold_of[place[row["image_id"]]] == fold
    ]
    table = MatchTable.build(ground_truth, held_out, "segm")
    everything = np.ones((1, len(image_ids)), int)
    alone = []
    for member in members:
        rows = [row for of_image in member.rows.values() for row in of_image]
        alone.append(float(_mean_ap(MatchTable.build(ground_truth, rows), everything)[0]))
    return Found(
        best=candidates[best[0]],
        in_fold=float(scores[best[0], 0]),
        out_of_fold=float(_mean_ap(table, everything)[0]),
        alone=tuple(alone),
        equal=float(scores[0, 0]),
        chosen=tuple(candidates[i] for i in best[1:]),
    )


def _mixtures(count, trials, rng):
    """Weights on a grid; beyond four members as many draws from it as there are trials."""
    if count <= 4:
        return itertools.product(SHARES, repeat=count)
    return map(tuple, rng.choice(SHARES, (trials, count)).tolist())


def _mean_ap(table: MatchTable, selections: Array) -> Array:
    """(S,) AP of selections of images; categories without objects do not count."""
    ap = ap_of_images(table, selections).mean(axis=2)
    known = ~np.isnan(ap)
    return np.where(known, ap, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
