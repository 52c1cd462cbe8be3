"""Ground truth and prediction of one image side by side, each in the colour of its outcome."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from fashion.evaluation.errors.findings import TYPE_NAMES
from fashion.evaluation.errors.overlaps import mask_of
from fashion.pages.overlays import MAX_LABELS, keep_labels
from fashion.pages.text import count, short_name
from mrcnn.drawing.labels import ink, text_width
from mrcnn.drawing.overlays import draw_instances
from mrcnn.typing import Array, Size

COLORS = {
    "found": (46, 160, 67),
    "missed": (220, 38, 38),
    "class": (234, 88, 12),
    "location": (37, 99, 235),
    "both": (147, 51, 234),
    "duplicate": (202, 138, 4),
    "background": (220, 38, 38),
    "crowd": (120, 120, 120),
}
_MAX_HW = (640, 480)  # pixels of one of the two overlays
# Pixels per em. Two overlays side by side are shown at half their size, in two columns of a page.
_TEXT, _TITLE = 20, 20
_LEAST_TITLE = 12
_GAP = 16  # pixels between the two
_NO_IMAGE = 226  # grey

LEGEND = (
    "Left: ground truth (green: matched, red: missed). Right: predictions (green: true positive, "
    "orange: wrong class, blue: poor localization, violet: both, yellow: duplicate, red: "
    "background). At most "
    f"{MAX_LABELS} objects of each have a label, so that the image stays visible: the largest of "
    "the ground truth, the most confident of the predictions."
)

Item = tuple[Mapping[str, Any], str, list[str]]  # object or detection, kind, lines of its label


class OutcomeRenderer:
    """Draws images of ground truth and predictions side by side.

    Args:
        ground_truth: COCO dict.
        detections: The list that was analysed.
        score_threshold: Shown in the title.
    """

    def __init__(
        self,
        ground_truth: Mapping[str, Any],
        detections: Sequence[Mapping[str, Any]],
        score_threshold: float,
    ) -> None:
        self.detections, self.score_threshold = detections, score_threshold
        self.images = {image["id"]: image for image in ground_truth["images"]}
        self.names = {row["id"]: row["name"] for row in ground_truth["categories"]}
        self.objects: dict[Any, list[Mapping[str, Any]]] = {id_: [] for id_ in self.images}
        for annotation in ground_truth["annotations"]:
            self.objects[annotation["image_id"]].append(annotation)

    def __call__(self, row: Mapping[str, Any], pixels: Array | None = None) -> Array:
        """Draws one image.

        Args:
            row: Its entry of `image_outcomes`.
            pixels: `(H, W, 3)` uint8 RGB. Default: grey.

        Returns:
            `(h, w, 3)` uint8 RGB.
        """
        image_id = row["image_id"]
        return side_by_side(
            self.images[image_id],
            row,
            self.objects[image_id],
            self.detections,
            self.names,
            self.score_threshold,
            pixels,
        )


def side_by_side(
    image: Mapping[str, Any],
    row: Mapping[str, Any],
    objects: Sequence[Mapping[str, Any]],
    detections: Sequence[Mapping[str, Any]],
    names: Mapping[int, str],
    score_threshold: float,
    pixels: Array | None = None,
) -> Array:
    """Draws ground truth on the left and confident detections on the right.

    Args:
        image: Image dict.
        row: Its entry of `worst_images`.
        objects: Its annotations.
        detections: The list that was analysed.
        names: `{category id: name}`.
        score_threshold: Shown in the title.
        pixels: `(H, W, 3)` uint8 RGB. Default: grey.

    Returns:
        `(h, w, 3)` uint8 RGB.
    """
    # One size for all images, so that errors of small images are visible too.
    scale = min(edge / image[side] for edge, side in zip(_MAX_HW, ("height", "width")))
    height, width = (max(1, round(image[side] * scale)) for side in ("height", "width"))
    canvas = _canvas(pixels, (height, width), scale)
    matched = {annotation for annotation, _ in row["found"]}
    left: list[Item] = []
    for annotation in objects:
        kind = "found" if annotation["id"] in matched else "missed"
        left.append((annotation, "crowd" if annotation.get("iscrowd") else kind, []))
    right: list[Item] = [(detections[place], "found", []) for _, place in row["found"]]
    for error in row["errors"]:
        if error["detection"] is not None:
            name = TYPE_NAMES[error["kind"]]
            right.append((detections[error["detection"]], error["kind"], [name]))
    titles = (
        f"ground truth: {count(len(left), 'object')}",
        # The font of labels has no "≥".
        f"predictions: {len(right)} with score {score_threshold:g} or more",
    )
    limited = max(len(left), len(right)) > MAX_LABELS
    halves = []
    size = _title_size(titles, width)
    for items, title in zip((left, right), titles):
        lines = [title]
        if limited:  # both have the line, so that both have one height
            lines.append(f"{MAX_LABELS} of them labeled" if len(items) > MAX_LABELS else "")
        halves.append(_with_title(_draw(canvas, image, items, names), lines, size))
    gap = np.full((len(halves[0]), _GAP, 3), 255, np.uint8)
    return np.concatenate([halves[0], gap, halves[1]], axis=1)


def _canvas(pixels: Array | None, size_hw: tuple[int, int], scale: float) -> Array:
    if pixels is None:
        return np.full((*size_hw, 3), _NO_IMAGE, np.uint8)
    resample = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.array(Image.fromarray(pixels).resize(size_hw[::-1], resample))


def _draw(
    canvas: Array,
    image: Mapping[str, Any],
    items: Sequence[Item],
    names: Mapping[int, str],
) -> Array:
    masks, labels, ranks = [], [], []
    for item, _, lines in items:
        masks.append(_resize_mask(coco_mask.decode(mask_of(item, image)), canvas.shape[:2]))
        score = f" {item['score']:.2f}" if "score" in item else ""
        labels.append([short_name(names[item["category_id"]]) + score, *lines])
        ranks.append(item["score"] if "score" in item else masks[-1].sum())
    return draw_instances(
        canvas,
        [_box_around(mask) for mask in masks],
        [(mask, 0, 0) for mask in masks],
        keep_labels(labels, ranks),
        colors=np.array([COLORS[kind] for _, kind, _ in items]),
        text_size=_TEXT,
        alpha=0.35,
        show_boxes=False,
    )


def _title_size(titles: Sequence[str], width: int) -> int:
    """Pixels per em at which all titles fit, if that is legible."""
    longest = max(text_width(title, _TITLE) for title in titles)
    return max(_LEAST_TITLE, min(_TITLE, int(_TITLE * width / longest)))


def _with_title(overlay: Array, lines: Sequence[str], size: int) -> Array:
    """The overlay below its title."""
    rows = []
    for line in lines:
        letters = ink(line, size)[:, : overlay.shape[1]]
        strip = np.full((letters.shape[0], overlay.shape[1], 3), 255, np.uint8)
        strip[:, : letters.shape[1]] -= np.round(215 * letters[..., None]).astype(np.uint8)
        rows.append(strip)
    margin = np.full((4, overlay.shape[1], 3), 255, np.uint8)
    return np.concatenate([*rows, margin, overlay])


def _resize_mask(mask: Array, size_hw: Size) -> Array:
    """(H, W) 0 or 1 -> (h, w) bool, nearest pixels."""
    rows, columns = (
        (np.arange(new) * old + old // 2) // new for old, new in zip(mask.shape, size_hw)
    )
    rows, columns = rows.clip(max=mask.shape[0] - 1), columns.clip(max=mask.shape[1] - 1)
    return mask[rows][:, columns] > 0


def _box_around(mask: Array) -> tuple[int, int, int, int]:
    """yxyx; zeros of an empty mask."""
    y, x = np.nonzero(mask)
    return (y.min(), x.min(), y.max() + 1, x.max() + 1) if len(y) else (0, 0, 0, 0)
