"""Predictor: photos in, detected objects out; any number of photos of any size."""
import numpy as np
from keras import ops

from mrcnn.inference.compiled import compiled
from mrcnn.inference.molding import mold, unmold
from mrcnn.inference.pasting import paste_window


class Predictor:
    """Runs a Detector on photos.

    The network runs in two steps, each compiled once: stops 2 to 5 on the images, then the heads that describe detections, padded
    only to the smallest of MASK_BUCKETS that holds them (100 padded masks would be 45 % of the work at 512 pixels).
    xla: compile with XLA, see `training.fit.use_xla`.
    """

    def __init__(self, detector, config, *, xla=False):
        self.detector, self.config, self.convention = detector, config, detector.convention
        self._detect = compiled(self._first_step, detector, xla=xla)
        self._describe = compiled(self._second_step, detector, xla=xla)

    def __call__(self, photos):
        """photos: list of (h, w, 3) uint8 RGB -> list of result dicts.

        Each holds "rois" (N, 4) int32 and "boxes" (N, 4) float32, yxyx, photo pixels; "class_ids" (N,) int32; "scores" (N,) float32,
        best first; "mask_probabilities" (N, 28, 28) float32, each filling its box; "image_hw"; and the fields of extra heads.
        """
        return list(self.stream(photos))

    def stream(self, photos):
        """The same, one result after the other, for any iterable of photos; never holds more than one photo at its full size."""
        canvases, count = [], 0
        for photo in photos:            # not enumerate: it would hold on to a photo while the next one is read
            canvas = mold(photo, self.config, self.convention, name=f"Photo {count}")
            count += 1
            del photo
            if canvases and canvas[0].shape != canvases[0][0].shape:        # "pad64" and "none" give each photo a canvas of its own size
                yield from self._results(canvases)
                canvases = []
            canvases.append(canvas)
            if len(canvases) == self.config.BATCH_SIZE:
                yield from self._results(canvases)
                canvases = []
        if canvases:
            yield from self._results(canvases)

    def _results(self, canvases):
        images = np.stack([image for image, _ in canvases])
        found = self.detect_molded(images, np.stack([placement.window for _, placement in canvases]))
        inclusive = self.convention == "corners"
        return [unmold({k: v[i] for k, v in found.items()}, placement, inclusive) for i, (_, placement) in enumerate(canvases)]

    def detect_molded(self, images, windows):
        """Network input (b, H, W, 3), windows (b, 4), b <= BATCH_SIZE -> dict of (b, n, ...) arrays on the canvas, with "valid"."""
        count = len(images)
        fill = [(0, self.config.BATCH_SIZE - count)] + [(0, 0)] * 3         # one shape, so one compilation
        pyramid, found = self._detect(np.pad(images, fill), np.pad(windows, fill[:2]))
        found = {name: ops.convert_to_numpy(column)[:count] for name, column in found.items()}
        rows = _bucket(int(found["valid"].sum(axis=1).max()), self.config)
        boxes, class_ids = (np.pad(found[k][:, :rows], [(0, len(pyramid[0]) - count)] + [(0, 0)] * (found[k].ndim - 1))
                            for k in ("boxes", "class_ids"))
        fields = self._describe(pyramid, boxes, class_ids)
        fields = {name: ops.convert_to_numpy(column)[:count] for name, column in fields.items()}
        return {name: column[:, :rows] for name, column in found.items()} | fields

    def _first_step(self, images, windows):
        images, windows = ops.convert_to_tensor(images), ops.convert_to_tensor(windows)
        image_hw = tuple(images.shape[1:3])
        pyramid = self.detector.features(images)
        boxes, valid = self.detector.proposals(self.detector.rpn(pyramid), image_hw, training_path=False)
        return pyramid[:4], self.detector.detections(pyramid, boxes, valid, windows)

    def _second_step(self, pyramid, boxes, class_ids):
        return self.detector.describe(pyramid, ops.convert_to_tensor(boxes), ops.convert_to_tensor(class_ids))


def full_masks(result, threshold=0.5, convention="aligned"):
    """The masks of a result at the photo's size: (H, W, N) bool.

    convention: "corners" fills whole pixels' boxes and fades to 0 at their border, which is how Matterport pastes
    """
    boxes, edge = (result["rois"], "zero") if convention == "corners" else (result["boxes"], "constant")
    masks = np.zeros((len(boxes), *result["image_hw"]), bool)           # one after the other in memory, as they are written and read
    for canvas, mask, box in zip(masks, result["mask_probabilities"], boxes, strict=True):
        window, top, left = paste_window(mask, box, result["image_hw"], threshold, edge)
        canvas[top:top + window.shape[0], left:left + window.shape[1]] = window
    return masks.transpose(1, 2, 0)


def _bucket(count, config):
    """The smallest size the describing heads are compiled for that holds `count` detections."""
    sizes = [b for b in config.MASK_BUCKETS if count <= b < config.DETECTION_MAX_INSTANCES]
    return min(sizes, default=config.DETECTION_MAX_INSTANCES)
