"""Predictor: photos in, detected objects out; any number of photos of any size."""

import numpy as np
from keras import ops

from mrcnn.inference.compiled import compiled, runs_eagerly
from mrcnn.inference.pasting import full_masks
from mrcnn.inference.preprocessing import postprocess, preprocess
from mrcnn.modeling.devices import check_process

__all__ = ["Predictor", "full_masks"]

# Each canvas is compiled for and takes some 50 MB; with more, all are let go ("pad64" and "none" make them as photos come).
MOST_CANVASES = 32
# So many photos that come one by one run without a graph. To trace and compile one takes as long as ten eager photos; a command that
# is given one or two is over by then, and a longer job loses less than a second.
EAGER_PHOTOS = 4


class Predictor:
    """Runs a Detector on photos.

    The network runs in two steps, each compiled once: stops 2 to 5 on the images, then the heads that describe detections, padded
    only to the smallest of MASK_BUCKETS that holds them (100 padded masks would be 45 % of the work at 512 pixels). A batch that is not
    full is filled to BATCH_SIZE, so that the last one of many photos is not compiled anew; a photo that comes alone, and first, is not.
    The first photos that come one by one run eagerly, which is a matter of half a second where compiling takes three; a full batch, and
    what comes after `eager_photos` of them, is compiled. The results agree to rounding.
    xla: compile with XLA, see `training.fit.use_xla`; eager_photos: 0 compiles from the first one on, as a service wants it.
    """

    def __init__(self, detector, config, *, xla=False, eager_photos=EAGER_PHOTOS):
        self.detector, self.config, self.xla = detector, config, xla
        self._eager_left = eager_photos if runs_eagerly(xla) else 0
        self._compile()

    @property
    def convention(self):
        """How boxes are measured, see `ops.roi_align`: the detector's, which follows the weights that it loads."""
        return self.detector.convention

    def __call__(self, photos):
        """photos: list of (h, w, 3) uint8 RGB -> list of result dicts.

        Each holds "rois" (N, 4) int32 and "boxes" (N, 4) float32, yxyx, photo pixels; "class_ids" (N,) int32; "scores" (N,) float32,
        best first; "mask_probabilities" (N, 28, 28) float32, each filling its box; "image_hw"; and the fields of extra heads.
        """
        return list(self.stream(photos))

    def stream(self, photos):
        """The same, one result after the other, for any iterable of photos; never holds more than one photo at its full size."""
        for canvases in self._batches(self._canvases(photos)):
            yield from self._results(canvases)

    def describe(self, photos, boxes, class_ids):
        """What the heads say of boxes that are given, as if just these had been detected; one result after the other, as `stream`.

        photos: iterable of (h, w, 3) uint8 RGB; boxes: for each photo (N, 4) yxyx, photo pixels; class_ids: for each photo (N,), 1..K-1
        Yields for each photo a result dict, see `__call__`, of all its boxes as they are, in their order, with "scores" of 1. N may be
        0, or more than DETECTION_MAX_INSTANCES. Raises ValueError for what does not fit together.
        """
        for batch in self._batches(self._given(photos, boxes, class_ids)):
            images, on_canvas, results = zip(*batch, strict=True)
            described = self._describe_molded(
                np.stack(images), on_canvas, [result["class_ids"] for result in results]
            )
            for result, fields in zip(results, described, strict=True):
                yield result | fields

    def _runs_eagerly(self, images):
        """Whether these few photos run without a graph; if so, they are counted."""
        count, batch_size = len(images), self.config.BATCH_SIZE
        if (
            images.shape[1:3] in self._sizes
            or (count == batch_size and batch_size > 1)
            or count > self._eager_left
        ):
            return False
        self._eager_left -= count
        return True

    def _compile(self):
        self._compiled_for, self._sizes = (
            self.convention,
            {},
        )  # of each canvas, of the batches so far
        self._detect, self._describe, self._features = (
            compiled(step, self.detector, xla=self.xla)
            for step in (self._first_step, self._second_step, self._pyramid)
        )

    def _canvases(self, photos):
        """(image (H, W, 3), its Placement) of each photo."""
        count = 0
        for (
            photo
        ) in photos:  # not enumerate: it would hold on to a photo while the next one is read
            canvas = preprocess(photo, self.config, self.convention, name=f"Photo {count}")
            count += 1
            del photo
            yield canvas

    def _given(self, photos, boxes, class_ids):
        """(image (H, W, 3), boxes (N, 4) on the canvas, result without what the heads say) of each photo."""
        for i, ((image, placement), *given) in enumerate(
            zip(self._canvases(photos), boxes, class_ids, strict=True)
        ):
            own, classes = _checked(*given, self.config.NUM_CLASSES, f"Photo {i}")
            yield (
                image,
                self.convention.box_to_input(
                    own,
                    corner=placement.corner,
                    scaled_hw=placement.size_hw,
                    image_hw=placement.original_hw,
                ),
                {
                    "rois": np.round(own).astype(np.int32),
                    "boxes": own,
                    "image_hw": placement.original_hw,
                    "convention": self.convention.name,
                    "class_ids": classes,
                    "scores": np.ones(len(classes), np.float32),
                },
            )

    def _batches(self, items):
        """Lists of items (image, ...), in their order; the images of a list have one shape, and there are at most BATCH_SIZE."""
        batch = []
        for item in items:
            if (
                batch and item[0].shape != batch[0][0].shape
            ):  # "pad64" and "none" give each photo a canvas of its own size
                yield batch
                batch = []
            batch.append(item)
            if len(batch) == self.config.BATCH_SIZE:
                yield batch
                batch = []
        if batch:
            yield batch

    def _results(self, canvases):
        images = np.stack([image for image, _ in canvases])
        found = self.detect_molded(
            images, np.stack([placement.window for _, placement in canvases])
        )
        return [
            postprocess({k: v[i] for k, v in found.items()}, placement, self.convention)
            for i, (_, placement) in enumerate(canvases)
        ]

    def detect_molded(self, images, windows):
        """Network input (b, H, W, 3), windows (b, 4), b <= BATCH_SIZE -> dict of (b, n, ...) arrays on the canvas, with "valid"."""
        count = len(images)
        self._follow_weights()
        eager = self._runs_eagerly(images)
        size, detect = (count, self._first_step) if eager else (self._size_of(images), self._detect)
        pyramid, found = detect(_filled(images, size), _filled(windows, size))
        found = {name: ops.convert_to_numpy(column)[:count] for name, column in found.items()}
        most = int(found["valid"].sum(axis=1).max())
        rows = max(most, 1) if eager else _bucket(most, self.config)
        found = {name: column[:, :rows] for name, column in found.items()}
        return found | self._fields(
            pyramid,
            found["boxes"],
            found["class_ids"],
            self._second_step if eager else self._describe,
        )

    def _describe_molded(self, images, boxes, class_ids):
        """Network input (b, H, W, 3), and for each image boxes (n, 4) on the canvas and class ids (n,) -> b dicts of (n, ...) arrays."""
        self._follow_weights()
        pyramid, most = (
            self._features(_filled(images, self._size_of(images))),
            max(map(len, class_ids)),
        )
        parts = []
        for start in range(0, max(most, 1), self.config.DETECTION_MAX_INSTANCES):
            rows = _bucket(most - start, self.config)
            parts.append(
                self._fields(
                    pyramid,
                    *(
                        np.stack([_filled(own[start : start + rows], rows) for own in column])
                        for column in (boxes, class_ids)
                    ),
                    self._describe,
                )
            )
        fields = {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
        return [
            {name: column[i, : len(own)].copy() for name, column in fields.items()}
            for i, own in enumerate(class_ids)
        ]

    def _fields(self, pyramid, boxes, class_ids, describe):
        """What the heads say of boxes (b, n, 4) on the canvas, of class ids (b, n), b <= BATCH_SIZE: dict of (b, n, ...) arrays."""
        size = pyramid[0].shape[0]
        fields = describe(pyramid, _filled(boxes, size), _filled(class_ids, size))
        return {name: ops.convert_to_numpy(column)[: len(boxes)] for name, column in fields.items()}

    def _size_of(self, images):
        """How many images this batch is filled to: a size that is compiled if there is one, so there are at most two of each canvas."""
        if len(self._sizes) >= MOST_CANVASES and images.shape[1:3] not in self._sizes:
            self._compile()
        count, sizes = len(images), self._sizes.setdefault(images.shape[1:3], set())
        size = min(
            (s for s in sizes if s >= count), default=1 if count == 1 else self.config.BATCH_SIZE
        )
        sizes.add(size)
        return size

    def _follow_weights(self):
        check_process()
        if self._compiled_for != self.convention:
            self._compile()

    def _first_step(self, images, windows):
        images, windows = ops.convert_to_tensor(images), ops.convert_to_tensor(windows)
        image_hw = tuple(images.shape[1:3])
        pyramid = self.detector.features(images)
        boxes, valid = self.detector.proposals(
            self.detector.rpn(pyramid), image_hw, training_path=False
        )
        return pyramid[:4], self.detector.detections(pyramid, boxes, valid, windows)

    def _second_step(self, pyramid, boxes, class_ids):
        return self.detector.describe(
            pyramid, ops.convert_to_tensor(boxes), ops.convert_to_tensor(class_ids)
        )

    def _pyramid(self, images):
        return self.detector.features(ops.convert_to_tensor(images))[:4]


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
            f"{name} comes with boxes of shape {boxes.shape} and class_ids of shape {class_ids.shape}. Expected (N, 4), yxyx, "
            "and (N,)."
        )
    wrong = class_ids[(class_ids < 1) | (class_ids >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"{name} comes with a box of class {wrong[0]}. The classes of this model are 1 to {num_classes - 1} (0 is the "
            "background)."
        )
    return boxes, class_ids
