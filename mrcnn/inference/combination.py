"""Combination: one list of detections from several views of an image, or several models.

As Detectron2's `GeneralizedRCNNWithTTA`: the boxes of all sources are fused in the original image,
every source describes the fused boxes, and what they say is averaged, or voted on. Unlike there,
the pyramid of each view is computed once and kept for the second step.

A source is a view of a model. Partners detect nothing, but help to describe the boxes: a
network that labels pixels joins the masks, a classifier of crops the classes.

Shapes: N fused boxes, K classes with the background, T columns of a field, S sources.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np

from mrcnn.inference.final_scores import ScoreSettings, with_final_scores
from mrcnn.inference.fusion import Fused, FusionSettings, fuse, weighted_mean
from mrcnn.inference.preprocessing import has_pixels, result_of
from mrcnn.ops.pixel_convention import ALIGNED, PixelConvention
from mrcnn.typing import Array, Arrays, Size

__all__ = [
    "CATEGORY_RULES",
    "Labels",
    "Partner",
    "Rules",
    "Source",
    "ViewBatch",
    "averaged",
    "combined",
]

# How the class of a fused box is chosen.
CATEGORY_RULES = ("boxes", "mean", "vote")
MASKS, CLASSES = "mask_probabilities", "class_probabilities"


@dataclass(frozen=True)
class ViewBatch:
    """What one view shows of a batch of images.

    Attributes:
        found: Detections of each image: "boxes" `(n, 4)` yxyx in its pixels, "scores",
            "class_ids".
        describe: (boxes `(N, 4)` of each image, class ids `(N,)` of each image) -> fields of each
            image, `(N, ...)` by name.
    """

    found: Sequence[Mapping[str, Any]]
    describe: Callable[[Sequence[Array], Sequence[Array]], Sequence[Arrays]]


@dataclass(frozen=True)
class Labels:
    """Where the labels of a model are among those of the ensemble.

    Attributes:
        class_ids: `(K,)` int, the model's class id of each class of the ensemble; 0 for a class
            that it does not know, and for the background.
        columns: By field, such as "attribute_scores", `(T,)` int: the model's column of each
            column of the ensemble; -1 for none.
        known: By field, `(K, T)` bool: the columns that the model has learned for each class; all
            where a field is absent.
    """

    class_ids: Array
    columns: Mapping[str, Array] = field(default_factory=dict)
    known: Mapping[str, Array] = field(default_factory=dict)

    def found(self, rows: Mapping[str, Any]) -> dict[str, Array]:
        """Translates detections of the model.

        Args:
            rows: "boxes", "scores", "class_ids" of the model.

        Returns:
            Those of classes that the ensemble has, with its class ids.
        """
        ids = np.asarray(rows["class_ids"], np.int64)
        ours = np.zeros(max(self.class_ids.max(initial=0), ids.max(initial=0)) + 1, np.int32)
        ours[self.class_ids] = np.arange(len(self.class_ids))
        ours[0] = 0  # the background, and what the model does not know
        translated = ours[ids]
        kept = translated > 0
        return {
            "boxes": rows["boxes"][kept],
            "scores": rows["scores"][kept],
            "class_ids": translated[kept],
        }

    def column(self, name: str, values: Array, class_ids: Array) -> tuple[Array, Array]:
        """Translates a field that the model says of the fused boxes.

        Args:
            name: Of the field.
            values: `(N, ...)`, of the model.
            class_ids: `(N,)` int, classes of the ensemble.

        Returns:
            `(N, ...)`, in the columns of the ensemble, and weights that broadcast to it: 0 where
            the model knows nothing.
        """
        knows_class = (self.class_ids[class_ids] > 0).astype(np.float64)
        weights = knows_class.reshape(-1, *[1] * (values.ndim - 1))
        if name == CLASSES:
            taken = values[:, self.class_ids]
            taken[:, 1:] *= self.class_ids[1:] > 0
            return taken, np.ones((len(values), 1))
        if name in self.columns:
            places = self.columns[name]
            padded = np.concatenate([values, np.zeros_like(values[:, :1])], axis=1)
            values, weights = padded[:, places], weights * (places >= 0)
        if name in self.known:
            weights = weights * self.known[name][class_ids]
        return values, weights


@dataclass(frozen=True)
class Source:
    """A view of a model, and what it counts.

    Attributes:
        view: What it shows of a batch.
        weight: Of its boxes and of what it says.
        labels: Of the model; None for those of the ensemble.
    """

    view: ViewBatch
    weight: float = 1.0
    labels: Labels | None = None

    def found(self, i: int) -> Mapping[str, Any]:
        """Returns the detections of image i, with the classes of the ensemble.

        Args:
            i: Of the batch.

        Returns:
            "boxes", "scores", "class_ids".
        """
        rows = self.view.found[i]
        return rows if self.labels is None else self.labels.found(rows)

    def class_weights(self, num_classes: int) -> Array:
        """Returns the weight of each class in the fusion.

        Args:
            num_classes: K.

        Returns:
            `(K,)` float64.
        """
        weights = np.full(num_classes, float(self.weight))
        return weights if self.labels is None else weights * (self.labels.class_ids > 0)

    def described(self, fused: Sequence[Fused]) -> list[dict[str, tuple[Array, Array | float]]]:
        """Describes the fused boxes of each image.

        Args:
            fused: Of each image.

        Returns:
            For each image, by field, values `(N, ...)` and weights that broadcast to them.
        """
        class_ids = [own.class_ids for own in fused]
        if self.labels is not None:  # a class that the model lacks is described as its first
            class_ids = [np.maximum(self.labels.class_ids[ids], 1) for ids in class_ids]
        described = []
        by_image = self.view.describe([own.boxes for own in fused], class_ids)
        for own, fields in zip(fused, by_image, strict=True):
            weighted: dict[str, tuple[Array, Array | float]] = {}
            for name, values in fields.items():
                weights: Array | float = 1.0
                if self.labels is not None:
                    values, weights = self.labels.column(name, values, own.class_ids)
                weighted[name] = values, weights * self.weight
            described.append(weighted)
        return described


class Partner(Protocol):
    """Helps to describe the fused boxes, and detects nothing itself.

    Attributes:
        weight: Of its masks, probabilities or votes, above 0.
    """

    weight: float

    def keep(self, photo: Array) -> Any:
        """Returns what it needs of an image until its boxes are known.

        Args:
            photo: `(h, w, 3)` uint8.

        Returns:
            Anything.
        """

    def masks(
        self, kept: Any, boxes: Array, class_ids: Array, mask_hw: Size
    ) -> tuple[Array, Array] | None:
        """Computes masks.

        Args:
            kept: Of the image.
            boxes: `(N, 4)` yxyx, pixels of the image.
            class_ids: `(N,)` int, classes of the ensemble.
            mask_hw: Cells of a mask.

        Returns:
            Mask probabilities `(N, *mask_hw)`, and `(N,)` bool, which rows it knows; None if it
            knows no masks.
        """

    def classes(self, kept: Any, boxes: Array) -> Array | None:
        """Classifies boxes.

        Args:
            kept: Of the image.
            boxes: `(N, 4)` yxyx, pixels of the image.

        Returns:
            Probabilities `(N, K)` of the ensemble's classes; None if it knows none.
        """


@dataclass(frozen=True)
class Rules:
    """How the detections of the sources become one list.

    Attributes:
        max_outputs: Detections of an image at most; None for all.
        min_score: Least final score.
        fusion: How boxes are fused.
        scores: What scores become once the masks are known.
        convention: Pixel convention of the results.
        categories: "boxes": the fused boxes have their classes already. "mean": the class with the
            largest mean probability. "vote": that with most votes, by weight; a score is
            multiplied by the share of the votes.
        votes: Fields of which shares of votes take the place of means, and from which value on a
            source votes for a column.
    """

    max_outputs: int | None
    min_score: float
    fusion: FusionSettings = FusionSettings()
    scores: ScoreSettings = ScoreSettings()
    convention: PixelConvention = ALIGNED
    categories: str = "boxes"
    votes: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.categories not in CATEGORY_RULES:
            raise ValueError(
                f"The rule of categories is one of {', '.join(CATEGORY_RULES)}. Got "
                f"{self.categories!r}."
            )


def combined(
    sources: Sequence[Source],
    image_hws: Sequence[Size],
    rules: Rules,
    *,
    num_classes: int,
    partners: Sequence[tuple[Partner, Sequence[Any]]] = (),
) -> Iterator[dict[str, Any]]:
    """Combines what the sources see in a batch of images.

    Args:
        sources: Views of models.
        image_hws: Size of each image.
        rules: How.
        num_classes: K.
        partners: With what each kept of every image.

    Yields:
        A result for each image, see `mrcnn.inference.predict.Predictor`.
    """
    weights = np.stack([source.class_weights(num_classes) for source in sources])
    fused = []
    for i in range(len(image_hws)):
        members = [source.found(i) for source in sources]
        fused.append(fuse(members, rules.fusion, weights=weights, max_outputs=rules.max_outputs))
    described = [source.described(fused) for source in sources]
    for i, own in enumerate(fused):
        descriptions = [by_image[i] for by_image in described]
        helpers = [(partner, kept[i]) for partner, kept in partners]
        yield _result(own, descriptions, helpers, weights, image_hws[i], rules)


def averaged(
    fused: Fused,
    descriptions: Sequence[Mapping[str, tuple[Array, Array | float]]],
    rules: Rules,
    helpers: Sequence[tuple[Partner, Any]] = (),
) -> dict[str, Array]:
    """Averages the descriptions that the sources give of the boxes of one image.

    Args:
        fused: The boxes.
        descriptions: Of each source, by field, values `(N, ...)` and weights that broadcast to
            them. The first has all fields.
        rules: Says of which fields votes are counted.
        helpers: Partners, with what each kept of the image.

    Returns:
        `(N, ...)` by field.
    """
    fields = {}
    for name in descriptions[0]:
        if name == MASKS:
            fields[name] = _masks([own[name] for own in descriptions], helpers, fused)
        elif name != CLASSES:
            given = [own[name] for own in descriptions if name in own]
            fields[name] = _mean(given, rules.votes.get(name))
    return fields


def _result(fused, descriptions, helpers, weights, image_hw, rules):
    columns = {
        "boxes": fused.boxes,
        "class_ids": fused.class_ids,
        "scores": fused.scores,
        "valid": has_pixels(fused.boxes),
    }
    columns |= averaged(fused, descriptions, rules, helpers)
    if rules.categories != "boxes":
        columns |= _classes(fused, descriptions, helpers, weights, rules)
    columns = _sorted(columns)
    batch = {name: column[None] for name, column in columns.items()}
    final = with_final_scores(batch, rules.scores, rules.min_score)
    rows = {name: column[0] for name, column in final.items()}
    rows["valid"] = rows["valid"] & (rows["scores"] >= rules.min_score)
    return result_of(rows, image_hw, rules.convention)


def _sorted(columns):
    """Best first, as fused boxes are anyway unless their classes were chosen again."""
    order = np.argsort(-columns["scores"], kind="stable")
    return {name: column[order] for name, column in columns.items()}


def _mean(weighted, threshold=None):
    """The mean of numbers, or of votes; whole numbers are those of the first source."""
    values, weights = zip(*weighted, strict=True)
    if not np.issubdtype(values[0].dtype, np.floating):
        return values[0]
    if threshold is not None:
        values = [np.asarray(own >= threshold, np.float64) for own in values]
    return weighted_mean(values, weights)


def _masks(weighted_masks, helpers, fused):
    """Mean masks in the size of the first source's."""
    mask_hw = weighted_masks[0][0].shape[1:]
    masks = [(_resized(own, mask_hw), weights) for own, weights in weighted_masks]
    for partner, kept in helpers:
        found = partner.masks(kept, fused.boxes, fused.class_ids, mask_hw)
        if found is not None:
            weights = partner.weight * found[1].astype(np.float64)[:, None, None]
            masks.append((found[0], weights))
    return _mean(masks)


def _resized(masks, mask_hw):
    """(N, h, w) masks with other numbers of cells."""
    if masks.shape[1:] == mask_hw or not len(masks):
        return np.zeros((0, *mask_hw), np.float32) if not len(masks) else masks
    shrinks = masks.shape[1] > mask_hw[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([cv2.resize(mask, mask_hw[::-1], interpolation=how) for mask in masks])


def _classes(fused, descriptions, helpers, weights, rules):
    """Class ids and scores by all that classify boxes; "valid" without duplicates."""
    detectors = []
    for own, weight in zip(descriptions, weights, strict=True):
        detectors.append((own[CLASSES][0], weight.max()))
    others = []
    for partner, kept in helpers:
        probabilities = partner.classes(kept, fused.boxes)
        if probabilities is not None:
            others.append((probabilities, partner.weight))
    choose = _mean_classes if rules.categories == "mean" else _voted_classes
    class_ids, scores = choose(fused, detectors, others)
    kept = _without_duplicates(fused.boxes, scores, class_ids, rules.fusion.iou_threshold)
    return {
        "class_ids": class_ids,
        "scores": scores.astype(np.float32),
        "valid": has_pixels(fused.boxes) & kept,
    }


def _mean_classes(fused, detectors, others):
    rows = np.arange(len(fused.scores))
    own = sum(weight for _, weight in detectors)
    by_detectors = sum(weight * values for values, weight in detectors)
    evidence = by_detectors + sum(weight * values for values, weight in others)
    class_ids = _best(evidence, fused.class_ids)
    # Where the class stays, the boxes' own scores say more than classifying the boxes again.
    stays = class_ids == fused.class_ids
    first = np.where(stays, fused.scores, by_detectors[rows, class_ids] / own)
    total = own + sum(weight for _, weight in others)
    more = sum(weight * values[rows, class_ids] for values, weight in others)
    return class_ids, (own * first + more) / total


def _voted_classes(fused, detectors, others):
    rows, votes = np.arange(len(fused.scores)), 0.0
    for values, weight in [*detectors, *others]:
        choice = 1 + np.argmax(values[:, 1:], axis=1)
        votes = votes + weight * np.eye(values.shape[1])[choice]
    class_ids = _best(votes, fused.class_ids)
    return class_ids, fused.scores * votes[rows, class_ids] / votes.sum(axis=1)


def _best(evidence, class_ids):
    """The best class of each row; the class before where none is better."""
    best = 1 + np.argmax(evidence[:, 1:], axis=1)
    rows = np.arange(len(class_ids))
    better = evidence[rows, best] > evidence[rows, class_ids]
    return np.where(better, best, class_ids).astype(np.int32)


def _without_duplicates(boxes, scores, class_ids, iou_threshold):
    """(N,) bool: two boxes that have become of one class are one object."""
    rows = {"boxes": boxes, "scores": scores, "class_ids": class_ids}
    settings = FusionSettings("nms", iou_threshold, min_score=0.0)
    clusters = fuse([rows], settings).clusters
    order = np.argsort(-scores, kind="stable")
    _, first = np.unique(clusters[order], return_index=True)
    kept = np.zeros(len(scores), bool)
    kept[order[first]] = True
    return kept & (clusters >= 0)
