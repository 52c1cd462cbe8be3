"""Predictor: original images in, detected objects out; any number of images of any size."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from keras import ops

from mrcnn.config import Config
from mrcnn.inference.batching import BatchPredictor
from mrcnn.inference.compiled import compiled, runs_eagerly
from mrcnn.inference.final_scores import ScoreSettings, with_final_scores
from mrcnn.inference.pasting import full_masks
from mrcnn.modeling.detector import Detector
from mrcnn.ops.pixel_convention import PixelConvention
from mrcnn.process import check_process
from mrcnn.typing import Array

__all__ = ["Predictor", "full_masks"]

# The network is compiled once for each size of its input, about 50 MB each ("pad64" and "none" make
# sizes as images come). Beyond this number of sizes all are dropped.
MAX_CANVASES = 32
# Images that come one by one and run without a graph at first. To trace and compile one takes as
# long as ten eager images; a command that is given one or two is over by then, and a longer job
# loses less than a second.
EAGER_PHOTOS = 4


class Predictor(BatchPredictor):
    """Runs a Detector on original images.

    The network runs in two steps, each compiled once: up to the detections, then the heads that
    describe them, padded only to the smallest of MASK_BUCKETS that holds them (100 padded masks
    would be 45 % of the work at 512 pixels). A batch that is not full is filled up to BATCH_SIZE,
    so that the last batch of many images needs no other graph; an image that comes alone, and
    first, is not.

    The first images that come one by one run eagerly, which takes half a second where compiling
    takes three. A full batch is compiled, and so is what comes after `eager_photos` images. The
    results agree to rounding.

    Args:
        detector: May load other weights at any time.
        config: Says how images are preprocessed, and BATCH_SIZE.
        xla: Whether to compile with XLA, see `mrcnn.modeling.devices.use_xla`.
        eager_photos: 0 compiles from the first image on, see also `always_compile`.
        with_classes: Whether to describe boxes by "class_probabilities" `(N, K)` as well: what the
            box head takes them for, the background first.
    """

    def __init__(
        self,
        detector: Detector,
        config: Config,
        *,
        xla: bool = False,
        eager_photos: int = EAGER_PHOTOS,
        with_classes: bool = False,
    ) -> None:
        self.detector, self.config, self.xla = detector, config, xla
        self.with_classes = with_classes
        self._eager_left = eager_photos if runs_eagerly(xla) else 0
        self._compile()

    @property
    def convention(self) -> PixelConvention:
        """The detector's pixel convention, which follows the weights that it loads."""
        return self.detector.convention

    def always_compile(self) -> None:
        """Runs no image eagerly from now on.

        A process that predicts for long wants this from the start: with both ways of computing it
        holds 120 MB more (weights/street-small.h5, TensorFlow on a CPU).
        """
        self._eager_left = 0

    def describe(
        self, photos: Iterable[Array], boxes: Iterable[Array], class_ids: Iterable[Array]
    ) -> Iterator[dict[str, Any]]:
        """Describes given boxes as if just these had been detected.

        Args:
            photos: `(h, w, 3)` uint8 RGB each.
            boxes: For each image `(N, 4)` yxyx in its pixels. N may be 0, or more than
                DETECTION_MAX_INSTANCES.
            class_ids: For each image `(N,)`, 1 to K-1.

        Yields:
            For each image a result, see `__call__`, of all its boxes in their order, with "scores"
            of 1.

        Raises:
            ValueError: Boxes, classes and images do not fit together.
        """
        for batch in self._batches(self._given(photos, boxes, class_ids)):
            images, on_canvas, results = zip(*batch, strict=True)
            classes = [result["class_ids"] for result in results]
            described = self._describe_molded(np.stack(images), on_canvas, classes)
            for result, fields in zip(results, described, strict=True):
                yield result | fields

    def detect_molded(self, images: Array, windows: Array) -> dict[str, Array]:
        """Detects in network inputs.

        Args:
            images: `(b, H, W, 3)` float32, normalised; b is at most BATCH_SIZE.
            windows: `(b, 4)` yxyx, where the original images lie in them.

        Returns:
            Arrays `(b, n, ...)` in pixels of the input: "boxes", "class_ids", "scores", "valid" and
            the fields of the heads.
        """
        pyramid, found, eager = self._found(images, windows)
        # The other heads run on rows that hold detections, not on all DETECTION_MAX_INSTANCES.
        most = int(found["valid"].sum(axis=1).max())
        rows = max(most, 1) if eager else _bucket(most, self.config)
        found = {name: column[:, :rows] for name, column in found.items()}
        describe = self._second_step if eager else self._describe
        found |= self._fields(pyramid, found["boxes"], found["class_ids"], describe)
        least = self.config.DETECTION_MIN_CONFIDENCE or 0.0
        return with_final_scores(found, ScoreSettings.of(self.config), least)

    def _found(self, images, windows):
        """The pyramid (of a batch that may be filled up), what is detected, and whether eagerly."""
        count = len(images)
        self._follow_weights()
        eager = self._runs_eagerly(images)
        size, detect = (count, self._first_step) if eager else (self._size_of(images), self._detect)
        pyramid, found = detect(_filled(images, size), _filled(windows, size))
        found = {name: ops.convert_to_numpy(column)[:count] for name, column in found.items()}
        return pyramid, found, eager

    # ---- the compiled steps ----------------------------------------------------------------------

    def _first_step(self, images, windows):
        images, windows = ops.convert_to_tensor(images), ops.convert_to_tensor(windows)
        stops = self.detector.run(images, windows, last="detections")
        return self.detector.roi_levels(stops["pyramid"]), stops["detections"]

    def _second_step(self, pyramid, boxes, class_ids):
        boxes, class_ids = ops.convert_to_tensor(boxes), ops.convert_to_tensor(class_ids)
        fields = self.detector.describe(pyramid, boxes, class_ids)
        if self.with_classes:
            fields["class_probabilities"] = self.detector.class_probabilities(pyramid, boxes)
        return fields

    def _pyramid(self, images):
        stops = self.detector.run(ops.convert_to_tensor(images), last="pyramid")
        return self.detector.roi_levels(stops["pyramid"])

    def _compile(self):
        self._compiled_for = self.convention
        self._sizes = {}  # of each canvas, the sizes of batches so far
        self._detect, self._describe, self._features = (
            compiled(step, self.detector, xla=self.xla)
            for step in (self._first_step, self._second_step, self._pyramid)
        )

    def _follow_weights(self):
        check_process()
        if self._compiled_for != self.convention:
            self._compile()

    def _runs_eagerly(self, images):
        """Whether these few images run without a graph; if so, they are counted."""
        count, batch_size = len(images), self.config.BATCH_SIZE
        is_known_size = images.shape[1:3] in self._sizes
        # A full batch is the first of many mostly, so its graph pays off.
        is_full = count == batch_size and batch_size > 1
        if is_known_size or is_full or count > self._eager_left:
            return False
        self._eager_left -= count
        return True

    def _size_of(self, images):
        """How many images a batch is filled up to: a compiled size if one is large enough.

        So there are at most two for each canvas.
        """
        if len(self._sizes) >= MAX_CANVASES and images.shape[1:3] not in self._sizes:
            self._compile()
        count, sizes = len(images), self._sizes.setdefault(images.shape[1:3], set())
        otherwise = 1 if count == 1 else self.config.BATCH_SIZE
        size = min((s for s in sizes if s >= count), default=otherwise)
        sizes.add(size)
        return size

    # ---- from images to batches and back ---------------------------------------------------------

    def _given(self, photos, boxes, class_ids):
        """(image (H, W, 3), boxes (N, 4) in it, result without fields of heads) of each photo."""
        everything = zip(self._canvases(photos), boxes, class_ids, strict=True)
        for i, ((image, placement), own_boxes, own_ids) in enumerate(everything):
            own_boxes, own_ids = _checked(own_boxes, own_ids, self.config.NUM_CLASSES, f"Photo {i}")
            on_canvas = placement.boxes_to_canvas(own_boxes, self.convention)
            result = {
                "rois": np.round(own_boxes).astype(np.int32),
                "boxes": own_boxes,
                "image_hw": placement.original_hw,
                "convention": self.convention.name,
                "class_ids": own_ids,
                "scores": np.ones(len(own_ids), np.float32),
            }
            yield image, on_canvas, result

    def _describe_molded(self, images, boxes, class_ids):
        """For each of b images a dict of (n, ...) arrays, given boxes (n, 4) and classes (n,)."""
        self._follow_weights()
        pyramid = self._features(_filled(images, self._size_of(images)))
        return self._describe_all(pyramid, boxes, class_ids, self._describe)

    def _describe_all(self, pyramid, boxes, class_ids, describe):
        """As `_describe_molded`, given the pyramid of the images and how it is read."""
        most, parts = max(map(len, class_ids)), []
        for start in range(0, max(most, 1), self.config.DETECTION_MAX_INSTANCES):
            rows = _bucket(most - start, self.config)
            some = slice(start, start + rows)
            part_boxes = np.stack([_filled(own[some], rows) for own in boxes])
            part_ids = np.stack([_filled(own[some], rows) for own in class_ids])
            parts.append(self._fields(pyramid, part_boxes, part_ids, describe))
        described = [{} for _ in class_ids]
        for name in parts[0]:
            column = np.concatenate([part[name] for part in parts], axis=1)
            for i, own in enumerate(class_ids):
                described[i][name] = column[i, : len(own)].copy()
        return described

    def _fields(self, pyramid, boxes, class_ids, describe):
        """The fields of heads at boxes (b, n, 4) of classes (b, n): a dict of (b, n, ...)."""
        size = pyramid[0].shape[0]
        fields = describe(pyramid, _filled(boxes, size), _filled(class_ids, size))
        return {name: ops.convert_to_numpy(column)[: len(boxes)] for name, column in fields.items()}


def _bucket(count, config):
    """The smallest size the describing heads are compiled for that holds `count` detections."""
    sizes = [b for b in config.MASK_BUCKETS if count <= b < config.DETECTION_MAX_INSTANCES]
    return min(sizes, default=config.DETECTION_MAX_INSTANCES)


def _filled(rows, count):
    """(n, ...) -> (count, ...), zeros below."""
    return np.pad(rows, [(0, count - len(rows))] + [(0, 0)] * (rows.ndim - 1))


def _checked(boxes, class_ids, num_classes, name):
    """Boxes (N, 4) and class ids (N,) as float32 and int32, or a ValueError."""
    boxes, class_ids = np.array(boxes, np.float32), np.array(class_ids, np.int32)
    if boxes.size == 0 and class_ids.size == 0:
        return boxes.reshape(0, 4), class_ids.reshape(0)
    if class_ids.ndim != 1 or boxes.shape != (len(class_ids), 4):
        raise ValueError(
            f"{name} comes with boxes of shape {boxes.shape} and class_ids of shape "
            f"{class_ids.shape}. Expected (N, 4), yxyx, and (N,)."
        )
    wrong = class_ids[(class_ids < 1) | (class_ids >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"{name} comes with a box of class {wrong[0]}. The classes of this model are 1 to "
            f"{num_classes - 1} (0 is the background)."
        )
    return boxes, class_ids
