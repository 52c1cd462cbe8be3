"""Ensembles: several models see each image, each in its own views; see `combination`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.inference.augmented import AugmentedPredictor
from mrcnn.inference.combination import (
    Labels,
    Partner,
    Rules,
    Source,
    ViewBatch,
    averaged,
    combined,
)
from mrcnn.inference.fusion import Fused
from mrcnn.typing import Array

__all__ = ["EnsemblePredictor", "Member"]

# Of a result of `Predictor.describe`; all others come from heads.
_NO_FIELDS = {"rois", "boxes", "image_hw", "convention", "class_ids", "scores"}


@dataclass(frozen=True)
class Member:
    """A detector of an ensemble.

    Attributes:
        predictor: Runs it in its views. Its DETECTION_MIN_CONFIDENCE is that of the boxes that it
            gives to the fusion.
        weight: Of its boxes and of what it says of the fused boxes.
        labels: Where its labels are among those of the ensemble; None: they are the same.
    """

    predictor: AugmentedPredictor
    weight: float = 1.0
    labels: Labels | None = None


class EnsemblePredictor:
    """Runs several detectors on original images; a `Predictor` in all but its parts.

    Each member has its own network input, pixel convention and views. The masks of a result have
    the size and the convention of the first member's.

    Args:
        members: Detectors. At least one.
        rules: How their detections become one list.
        num_classes: Of the ensemble, with the background.
        batch_size: Images that are shown at a time; the pyramids of all views of all members are
            in memory then.
        partners: Networks that detect nothing, but help to describe the boxes. They keep each
            image of a batch.

    Raises:
        ValueError: There is no member, or its weight is not above 0.
    """

    def __init__(
        self,
        members: Sequence[Member],
        rules: Rules,
        *,
        num_classes: int,
        batch_size: int = 1,
        partners: Sequence[Partner] = (),
    ) -> None:
        if not members:
            raise ValueError("An ensemble needs a detector: the others find no boxes. Got none.")
        weights = [member.weight for member in members] + [partner.weight for partner in partners]
        if not (np.isfinite(weights).all() and min(weights) > 0):
            raise ValueError(f"Weights of members are above 0. Got {weights}.")
        self.members, self.rules, self.partners = tuple(members), rules, tuple(partners)
        self.num_classes = num_classes
        tiled = any(member.predictor.tiles is not None for member in members)
        sizes = [batch_size, *(member.predictor.config.BATCH_SIZE for member in members)]
        self.batch_size = 1 if tiled else min(sizes)

    def __call__(self, photos: Iterable[Array]) -> list[dict[str, Any]]:
        """Detects the objects of images.

        Args:
            photos: `(h, w, 3)` uint8 RGB each.

        Returns:
            Results as of `Predictor`.
        """
        return list(self.stream(photos))

    def stream(self, photos: Iterable[Array]) -> Iterator[dict[str, Any]]:
        """Detects as `__call__`, one result after the other.

        Args:
            photos: Of any number.

        Yields:
            A result for each image.
        """
        for batch in self._batches(photos):
            sizes = [shown[0].image_hw for shown, _ in batch]
            sources = []
            for place, member in enumerate(self.members):
                views = member.predictor.in_views([shown[place] for shown, _ in batch])
                for view, weight in zip(views, member.predictor.weights, strict=True):
                    sources.append(Source(view, weight * member.weight, member.labels))
            partners = [
                (partner, [kept[place] for _, kept in batch])
                for place, partner in enumerate(self.partners)
            ]
            yield from combined(
                sources, sizes, self.rules, num_classes=self.num_classes, partners=partners
            )

    def describe(
        self, photos: Iterable[Array], boxes: Iterable[Array], class_ids: Iterable[Array]
    ) -> Iterator[dict[str, Any]]:
        """Describes given boxes as if just these had been detected, by the unchanged images.

        Args:
            photos: `(h, w, 3)` uint8 RGB each.
            boxes: For each image `(N, 4)` yxyx in its pixels.
            class_ids: For each image `(N,)`, 1 to K-1.

        Yields:
            Results as of `Predictor.describe`.
        """
        for photo, own_boxes, own_ids in zip(photos, boxes, class_ids, strict=True):
            given = _given(own_boxes, own_ids)
            results: list[dict[str, Any]] = []
            sources = [self._source_of(member, photo, results) for member in self.members]
            descriptions = [source.described([given])[0] for source in sources]
            helpers = [(partner, partner.keep(photo)) for partner in self.partners]
            fields = averaged(given, descriptions, self.rules, helpers)
            yield results[0] | {"class_ids": given.class_ids} | fields

    def _source_of(self, member, photo, results):
        """A source that describes boxes of one image; the results of its model are appended."""

        def describe(boxes, class_ids):
            (result,) = member.predictor.describe([photo], boxes, class_ids)
            fields = {name: result.pop(name) for name in set(result) - _NO_FIELDS}
            results.append(result)
            return [fields]

        return Source(ViewBatch([], describe), member.weight, member.labels)

    def _batches(self, photos):
        """Lists of ([`Shown` of each member], [what each partner kept]) of images.

        Every member shows those of one list on canvases of one size.
        """
        batch, sizes, count = [], None, 0
        for photo in photos:  # no enumerate: it would hold a photo while the next one is read
            name = f"Photo {count}"
            shown = [member.predictor.shown(photo, name) for member in self.members]
            kept = [partner.keep(photo) for partner in self.partners]
            count += 1
            del photo
            own_sizes = [one.canvas_hw for one in shown]
            if batch and (own_sizes != sizes or len(batch) == self.batch_size):
                yield batch
                batch = []
            batch.append((shown, kept))
            sizes = own_sizes
            del shown, kept
        if batch:
            yield batch


def _given(boxes, class_ids):
    """Boxes and classes that someone gave, as if they had been fused."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    class_ids = np.asarray(class_ids, np.int32).reshape(-1)
    ones = np.ones(len(boxes))
    return Fused(boxes, ones.astype(np.float32), class_ids, np.arange(len(boxes)), ones)
