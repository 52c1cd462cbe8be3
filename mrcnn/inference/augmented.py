"""Test-time augmentation: several views of each image, fused.

As Detectron2's `GeneralizedRCNNWithTTA`: each view detects, the boxes are fused in the original
image, every view describes the fused boxes, and masks and scores of attributes are averaged. Unlike
there, the pyramid of each view is computed once and kept for the second step.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.dataset import as_uint8_image
from mrcnn.inference.final_scores import ScoreSettings, with_final_scores
from mrcnn.inference.fusion import FusionSettings, fuse, weighted_mean
from mrcnn.inference.predict import Predictor
from mrcnn.inference.preprocessing import has_pixels, network_input, preprocess, result_of
from mrcnn.inference.views import ONE_VIEW, View
from mrcnn.modeling.detector import Detector
from mrcnn.typing import Array

__all__ = ["AugmentedPredictor"]


class AugmentedPredictor(Predictor):
    """A Predictor that fuses several views of each image.

    `describe` and `detect_molded` use the unchanged image. Each view drops what scores less than
    DETECTION_MIN_CONFIDENCE before the fusion. Final scores, such as calibrated ones, follow from
    the fused ones.

    Args:
        detector: As of `Predictor`.
        config: As of `Predictor`.
        views: With the unchanged view alone, results equal those of `Predictor` to the bit.
        fusion: How boxes are fused.
        weights: Of each view; None: 1 each.
        min_score: Minimum score of a result. Above DETECTION_MIN_CONFIDENCE, so that a detection
            counts which only the mean of the views makes confident; None: DETECTION_MIN_CONFIDENCE.
        **options: As of `Predictor`.
    """

    def __init__(
        self,
        detector: Detector,
        config: Config,
        *,
        views: Sequence[View] = ONE_VIEW,
        fusion: FusionSettings | None = None,
        weights: Sequence[float] | None = None,
        min_score: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(detector, config, **options)
        self.views, self.fusion, self.weights = tuple(views), fusion, weights
        self.min_score = min_score
        if not self.views or (weights is not None and len(weights) != len(self.views)):
            raise ValueError(
                f"Expected one view or more, and as many weights. Got {len(self.views)} views and "
                f"the weights {weights}."
            )

    def stream(self, photos: Iterable[Array]) -> Iterator[dict[str, Any]]:
        """Detects as `Predictor.stream`, in all views.

        Args:
            photos: Of any number; never more than one is held at its full size.

        Yields:
            A result for each image.
        """
        if self.views == ONE_VIEW:
            yield from super().stream(photos)
            return
        for batch in self._batches(self._shown(photos)):
            yield from self._fused(batch)

    def _shown(self, photos):
        """(canvas, {scale: (its canvas, its Placement)}) of each photo."""
        count = 0
        for photo in photos:  # no enumerate: it would hold a photo while the next one is read
            image, placement = preprocess(photo, self.config, self.convention, f"Photo {count}")
            count += 1
            by_scale = {1.0: (image, placement)}
            for view in self.views:
                if view.scale not in by_scale:
                    by_scale[view.scale] = self._scaled(photo, view.place(placement))
            del photo
            yield image, by_scale

    def _scaled(self, photo, placement):
        photo = as_uint8_image(photo, self.config.IMAGE_CHANNEL_COUNT)
        return network_input(photo, placement, self.config, self.convention), placement

    def _fused(self, batch):
        shown = [by_scale for _, by_scale in batch]
        seen = [
            self._seen(view, [by_scale[view.scale] for by_scale in shown]) for view in self.views
        ]
        fused = []
        for i in range(len(batch)):
            members = [found[i] for _, _, found in seen]
            most = self.config.DETECTION_MAX_INSTANCES
            fused.append(fuse(members, self.fusion, weights=self.weights, max_outputs=most))
        described = []
        for view, (pyramid, describe, _) in zip(self.views, seen, strict=True):
            placements = [by_scale[view.scale][1] for by_scale in shown]
            boxes = self._on_canvas(view, placements, fused)
            class_ids = [own.class_ids for own in fused]
            by_photo = self._describe_all(pyramid, boxes, class_ids, describe)
            for fields in by_photo:
                if "mask_probabilities" in fields:
                    fields["mask_probabilities"] = view.masks(fields["mask_probabilities"])
            described.append(by_photo)
        for i, own in enumerate(fused):
            fields = {
                name: self._mean([by_view[i][name] for by_view in described])
                for name in described[0][i]
            }
            yield self._result(own, fields, shown[i][1.0][1])

    def _seen(self, view, shown):
        """Of a view of a batch: the pyramid, how it is read, and what is found, in photo pixels."""
        images = view.canvas(np.stack([image for image, _ in shown]))
        width = images.shape[2]
        windows = view.boxes(np.stack([placement.window for _, placement in shown]), width)
        pyramid, found, eager = self._found(images, windows)
        members = []
        for i, (_, placement) in enumerate(shown):
            rows = {name: column[i][found["valid"][i]] for name, column in found.items()}
            boxes = view.boxes(rows["boxes"], width)
            members.append(rows | {"boxes": placement.boxes_to_original(boxes, self.convention)})
        return pyramid, self._second_step if eager else self._describe, members

    def _on_canvas(self, view, placements, fused):
        """The fused boxes of each image, in pixels of the view."""
        on_canvas = []
        for placement, own in zip(placements, fused, strict=True):
            boxes = placement.boxes_to_canvas(own.boxes, self.convention)
            on_canvas.append(view.boxes(boxes, placement.canvas_hw[1]))
        return on_canvas

    def _mean(self, values):
        """The mean of numbers; whole numbers are those of the first view."""
        is_number = np.issubdtype(values[0].dtype, np.floating)
        return weighted_mean(values, self.weights) if is_number else values[0]

    def _result(self, fused, fields, placement):
        least = self.min_score
        if least is None:
            least = self.config.DETECTION_MIN_CONFIDENCE or 0.0
        columns = {
            "boxes": fused.boxes,
            "class_ids": fused.class_ids,
            "scores": fused.scores,
            "valid": has_pixels(fused.boxes),
        }
        batch = {name: column[None] for name, column in (columns | fields).items()}
        final = with_final_scores(batch, ScoreSettings.of(self.config), least)
        rows = {name: column[0] for name, column in final.items()}
        rows["valid"] = rows["valid"] & (rows["scores"] >= least)
        return result_of(rows, placement.original_hw, self.convention)
