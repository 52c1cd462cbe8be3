"""Test-time augmentation: several views and tiles of each image, fused; see `combination`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.data.dataset import as_uint8_image
from mrcnn.data.placement import Placement
from mrcnn.inference.combination import Rules, Source, ViewBatch, combined
from mrcnn.inference.final_scores import ScoreSettings
from mrcnn.inference.fusion import FusionSettings, fuse
from mrcnn.inference.predict import Predictor
from mrcnn.inference.preprocessing import network_input, preprocess
from mrcnn.inference.tiles import Tiling, best_windows, is_cut, is_part
from mrcnn.inference.views import ONE_VIEW, View
from mrcnn.modeling.detector import Detector
from mrcnn.typing import Array, Size

__all__ = ["AugmentedPredictor", "Shown"]


@dataclass(frozen=True)
class Shown:
    """An image as the views show it.

    Attributes:
        canvases: The network input `(H, W, 3)`, and where the image lies in it, by the scale of
            the view.
        photo: The image, if tiles of it are shown as well.
    """

    canvases: dict[float, tuple[Array, Placement]]
    photo: Array | None = None

    @property
    def image_hw(self) -> Size:
        """Height and width of the image."""
        return self.canvases[1.0][1].original_hw

    @property
    def canvas_hw(self) -> Size:
        """Height and width of the canvas of the unchanged view."""
        return self.canvases[1.0][1].canvas_hw


class AugmentedPredictor(Predictor):
    """A Predictor that fuses several views of each image.

    `describe` and `detect_molded` use the unchanged image. Each view drops what scores less than
    DETECTION_MIN_CONFIDENCE before the fusion. Final scores, such as calibrated ones, follow from
    the fused ones.

    With tiles each view shows the whole image and its windows. What they find is one list before
    the views are fused, in which a score is the largest of those of an object, because most
    windows do not show it. A window does not count objects that its edge cuts. The window that
    shows a fused box best describes it. BATCH_SIZE windows are in memory at a time; their pyramids
    are computed twice, because all of them would not fit. DETECTION_MAX_INSTANCES limits the
    detections of each window, not those of the image.

    Args:
        detector: As of `Predictor`.
        config: As of `Predictor`.
        views: With the unchanged view alone, results equal those of `Predictor` to the bit.
        tiles: Windows that are shown as well; None for none.
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
        tiles: Tiling | None = None,
        fusion: FusionSettings | None = None,
        weights: Sequence[float] | None = None,
        min_score: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(detector, config, **options)
        self.views, self.tiles, self.fusion = tuple(views), tiles, fusion or FusionSettings()
        self.min_score = min_score
        if not self.views or (weights is not None and len(weights) != len(self.views)):
            raise ValueError(
                f"Expected one view or more, and as many weights. Got {len(self.views)} views and "
                f"the weights {weights}."
            )
        self.weights = tuple(weights) if weights is not None else (1.0,) * len(self.views)

    @property
    def max_outputs(self) -> int | None:
        """Detections of an image at most: DETECTION_MAX_INSTANCES; None with tiles."""
        return self.config.DETECTION_MAX_INSTANCES if self.tiles is None else None

    def stream(self, photos: Iterable[Array]) -> Iterator[dict[str, Any]]:
        """Detects as `Predictor.stream`, in all views.

        Args:
            photos: Of any number; never more than one is held at its full size.

        Yields:
            A result for each image.
        """
        if self.views == ONE_VIEW and self.tiles is None:
            yield from super().stream(photos)
            return
        for batch in self._batches(self._all_shown(photos)):
            shown = [image for _, image in batch]
            sources = [
                Source(view, weight)
                for view, weight in zip(self.in_views(shown), self.weights, strict=True)
            ]
            sizes = [image.image_hw for image in shown]
            yield from combined(sources, sizes, self._rules(), num_classes=self.config.NUM_CLASSES)

    def shown(self, photo: Any, name: str = "The photo") -> Shown:
        """Lays an image on the canvases of all views.

        Args:
            photo: See `mrcnn.data.dataset.as_uint8_image`.
            name: What to call the image in an error.

        Returns:
            The canvases, and with tiles the image.

        Raises:
            ValueError: `photo` is not an image, or the config's resize mode cannot take its size.
        """
        image, placement = preprocess(photo, self.config, self.convention, name)
        canvases = {1.0: (image, placement)}
        for view in self.views:
            if view.scale not in canvases:
                canvases[view.scale] = self._scaled(photo, view.place(placement))
        if self.tiles is None:
            return Shown(canvases)
        return Shown(canvases, as_uint8_image(photo, self.config.IMAGE_CHANNEL_COUNT, name))

    def in_views(self, shown: Sequence[Shown]) -> list[ViewBatch]:
        """Detects in all views of a batch.

        Args:
            shown: Images, whose canvases have equal sizes; BATCH_SIZE at most, with tiles one.

        Returns:
            What each view shows.
        """
        return [self._in_view(view, shown) for view in self.views]

    def _all_shown(self, photos):
        """(canvas, `Shown`) of each photo."""
        for shown in self._each(photos, self.shown):
            yield shown.canvases[1.0][0], shown
            del shown

    def _batches(self, items):
        """As of `Predictor`; one by one with tiles, which keep their image."""
        return super()._batches(items) if self.tiles is None else ([item] for item in items)

    def _scaled(self, photo, placement):
        photo = as_uint8_image(photo, self.config.IMAGE_CHANNEL_COUNT)
        return network_input(photo, placement, self.config, self.convention), placement

    def _rules(self):
        least = self.min_score
        if least is None:
            least = self.config.DETECTION_MIN_CONFIDENCE or 0.0
        settings = ScoreSettings.of(self.config)
        return Rules(self.max_outputs, least, self.fusion, settings, self.convention)

    def _in_view(self, view, shown):
        canvases = [image.canvases[view.scale] for image in shown]
        pyramid, eager, found = self._seen(view, canvases)
        step = self._second_step if eager else self._describe
        placements = [placement for _, placement in canvases]

        def describe(boxes, class_ids):
            on_canvas = self._on_canvas(view, placements, boxes)
            return _unmirrored(view, self._describe_all(pyramid, on_canvas, class_ids, step))

        whole = ViewBatch(found, describe)
        if self.tiles is None:
            return whole
        windows = self.tiles.windows(shown[0].image_hw)
        return self._with_tiles(view, shown[0], whole, windows) if len(windows) else whole

    def _seen(self, view, canvases):
        """(pyramid, whether it was eager, what is found in pixels of each image) of a view."""
        images = view.canvas(np.stack([image for image, _ in canvases]))
        width = images.shape[2]
        windows = view.boxes(np.stack([placement.window for _, placement in canvases]), width)
        pyramid, found, eager = self._found(images, windows)
        members = []
        for i, (_, placement) in enumerate(canvases):
            rows = {name: column[i][found["valid"][i]] for name, column in found.items()}
            boxes = view.boxes(rows["boxes"], width)
            members.append(rows | {"boxes": placement.boxes_to_original(boxes, self.convention)})
        return pyramid, eager, members

    def _on_canvas(self, view, placements, boxes):
        """Boxes of each image, in pixels of the view."""
        on_canvas = []
        for placement, own in zip(placements, boxes, strict=True):
            moved = placement.boxes_to_canvas(own, self.convention)
            on_canvas.append(view.boxes(moved, placement.canvas_hw[1]))
        return on_canvas

    # ---- tiles: windows of one image -------------------------------------------------------------

    def _with_tiles(self, view, shown, whole, windows):
        image_hw, members = shown.image_hw, [whole.found[0]]
        for part, canvases in self._canvases_of(view, shown.photo, windows):
            for window, rows in zip(part, self._seen(view, canvases)[2], strict=True):
                boxes = rows["boxes"] + np.tile(window[:2], 2).astype(np.float32)
                rows = rows | {"boxes": boxes}
                kept = ~is_cut(boxes, window, image_hw)
                kept &= ~is_part(rows, window, whole.found[0], image_hw)
                members.append({name: column[kept] for name, column in rows.items()})
        fused = fuse(members, replace(self.fusion, wbf_score="max"))
        found = {"boxes": fused.boxes, "scores": fused.scores, "class_ids": fused.class_ids}

        def describe(boxes, class_ids):
            return [
                self._described_in_windows(
                    view, shown, whole, windows, np.asarray(boxes[0]), np.asarray(class_ids[0])
                )
            ]

        return ViewBatch([found], describe)

    def _described_in_windows(self, view, shown, whole, windows, boxes, class_ids):
        """The fields of boxes (N, 4), each by the window that shows it best."""
        best = best_windows(boxes, windows, shown.image_hw)
        outside = np.flatnonzero(best < 0)
        # Also without boxes, so that the fields are known.
        (fields,) = whole.describe([boxes[outside]], [class_ids[outside]])
        described = {
            name: np.zeros((len(boxes), *column.shape[1:]), column.dtype)
            for name, column in fields.items()
        }
        _put(described, outside, fields)
        used = np.unique(best[best >= 0])
        for part, canvases in self._canvases_of(view, shown.photo, windows[used]):
            rows = [
                np.flatnonzero((windows[best] == window).all(1) & (best >= 0)) for window in part
            ]
            in_window = [
                boxes[own] - np.tile(window[:2], 2).astype(np.float32)
                for own, window in zip(rows, part, strict=True)
            ]
            placements = [placement for _, placement in canvases]
            on_canvas = self._on_canvas(view, placements, in_window)
            images = view.canvas(np.stack([image for image, _ in canvases]))
            by_window = self._describe_molded(images, on_canvas, [class_ids[own] for own in rows])
            for own, fields in zip(rows, _unmirrored(view, by_window), strict=True):
                _put(described, own, fields)
        return described

    def _canvases_of(self, view, photo, windows):
        """(windows, their canvases) of at most BATCH_SIZE windows at a time."""
        size = self.config.BATCH_SIZE
        for start in range(0, len(windows), size):
            part, canvases = windows[start : start + size], []
            for y1, x1, y2, x2 in part:
                crop = photo[y1:y2, x1:x2]
                image, placement = preprocess(crop, self.config, self.convention, "A tile")
                if view.scale != 1:
                    image, placement = self._scaled(crop, view.place(placement))
                canvases.append((image, placement))
            yield part, canvases


def _unmirrored(view, by_photo):
    """Fields of a view, with masks as the image has them."""
    for fields in by_photo:
        if "mask_probabilities" in fields:
            fields["mask_probabilities"] = view.masks(fields["mask_probabilities"])
    return by_photo


def _put(columns, rows, fields):
    for name, column in fields.items():
        columns[name][rows] = column
