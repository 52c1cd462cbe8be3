"""Fusion of stored predictions: predictions.json of several models become one list.

Boxes are fused as by `mrcnn.inference.fusion`. The models are not at hand to describe the fused
boxes, so the masks of the boxes that became one are averaged pixel by pixel, and so are their
scores of attributes. `evaluate` stores the probabilities of masks; of others the pixels are votes.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fashion.evaluation.io.ground_truth import EXPECTED
from fashion.evaluation.io.image_ids import resolve_image_ids
from fashion.evaluation.io.predictions import checked_results
from fashion.formats import rle
from fashion.formats.label_lists import ids_by_name, listed
from mrcnn.data.masks.coco_rle import unpack
from mrcnn.data.record_checks import preview
from mrcnn.evaluation.coco_truth import checked_images, checked_labels
from mrcnn.inference.fusion import FusionSettings, fuse
from mrcnn.inference.pasting import paste_probabilities
from mrcnn.json_files import read_json
from mrcnn.typing import Array, PathLike, Size

log = logging.getLogger(__name__)

ATTRIBUTE_THRESHOLD = 0.5  # of the mean score, from which an attribute is present


@dataclass(frozen=True)
class StoredMember:
    """The predictions of a model, in the ids of the first one or of the ground truth.

    Attributes:
        name: Of the file.
        weights: Path of the model, if the file has it.
        rows: By image id, COCO results.
        images: Ids of the images that it has predicted.
        rescored: Whether --rescore scored them; None if unknown.
    """

    name: str
    weights: str | None
    rows: Mapping[Any, list[dict[str, Any]]]
    images: frozenset[Any]
    rescored: bool | None = None


def read_members(
    paths: Sequence[PathLike], ground_truth: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[StoredMember]]:
    """Reads predictions of several models for the same images.

    Args:
        paths: predictions.json of `predict` or `evaluate`; with ground truth also COCO results.
        ground_truth: Checked COCO dict, to whose images and labels all are matched; None for those
            of the first file.

    Returns:
        frame: COCO dict of images, categories and attributes, without annotations.
        members: One for each file.

    Raises:
        ValueError: A file holds no predictions, or of other images.
    """
    contents = [read_json(path, EXPECTED) for path in paths]
    frame = _frame(ground_truth if ground_truth is not None else contents[0], str(paths[0]))
    members = []
    for path, content in zip(paths, contents, strict=True):
        members.append(_member(Path(path), content, frame))
        missing = len(frame["images"]) - len(members[-1].images)
        if missing:
            log.warning(
                "%s has no predictions of %d of the %d images, so it counts for nothing in these.",
                path,
                missing,
                len(frame["images"]),
            )
    return frame, members


def fused_predictions(
    frame: Mapping[str, Any],
    members: Sequence[StoredMember],
    weights: Sequence[float],
    settings: FusionSettings,
) -> list[dict[str, Any]]:
    """Fuses the predictions of all images.

    Args:
        frame: From `read_members`.
        members: From `read_members`.
        weights: Of each member.
        settings: How boxes are fused.

    Returns:
        COCO results, the best of each image first.
    """
    found = []
    for image in stored_images(frame, members):
        found += image.fused(weights, settings)
    return found


def stored_images(
    frame: Mapping[str, Any], members: Sequence[StoredMember]
) -> Iterable["StoredImage"]:
    """Lists the images with their predictions.

    Args:
        frame: From `read_members`.
        members: From `read_members`.

    Yields:
        An image after the other.
    """
    categories = [row["id"] for row in frame["categories"]]
    attributes = [row["id"] for row in frame["attributes"]]
    for image in frame["images"]:
        rows = [member.rows.get(image["id"], []) for member in members]
        there = np.array([image["id"] in member.images for member in members])
        yield StoredImage(image, rows, there, categories, attributes)


class StoredImage:
    """The predictions of several models for one image; masks are decoded once.

    Args:
        image: With "id", "height" and "width".
        members: COCO results of each model.
        there: `(T,)` bool, whether each model has predicted the image.
        category_ids: Of the frame.
        attribute_ids: Of the frame.
    """

    def __init__(
        self,
        image: Mapping[str, Any],
        members: Sequence[Sequence[dict[str, Any]]],
        there: Array,
        category_ids: Sequence[int],
        attribute_ids: Sequence[int],
    ) -> None:
        self.image_id, self.there = image["id"], there
        self.size_hw: Size = (int(image["height"]), int(image["width"]))
        self.rows = [row for rows in members for row in rows]
        self.category_ids, self.attribute_ids = category_ids, attribute_ids
        class_of = {category: i for i, category in enumerate(category_ids)}
        self._members = []
        for rows in members:
            boxes = [_yxyx(row, self.size_hw) for row in rows]
            self._members.append(
                {
                    "boxes": np.array(boxes, np.float64).reshape(-1, 4),
                    "scores": np.array([row["score"] for row in rows], np.float64),
                    "class_ids": np.array([class_of[row["category_id"]] for row in rows], np.int64),
                }
            )
        self._windows: dict[tuple[int, bool], tuple[Array, int, int]] = {}
        self._voted: dict[tuple, dict[str, Any]] = {}

    def fused(self, weights: Sequence[float], settings: FusionSettings) -> list[dict[str, Any]]:
        """Fuses the predictions.

        Args:
            weights: Of each model.
            settings: How boxes are fused.

        Returns:
            COCO results, the best first.
        """
        own = np.asarray(weights, np.float64) * self.there
        if not own.any():
            return []
        fused = fuse(self._members, settings, weights=own)
        results = []
        for i, (box, score, class_id) in enumerate(
            zip(fused.boxes, fused.scores, fused.class_ids, strict=True)
        ):
            parts = np.flatnonzero(fused.clusters == i)
            y1, x1, y2, x2 = (float(edge) for edge in box)
            results.append(
                {
                    "image_id": self.image_id,
                    "category_id": self.category_ids[class_id],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "segmentation": self._mask(parts, fused.shares[parts]),
                    "score": float(score),
                    **self._attributes(parts, fused.shares[parts]),
                }
            )
        return results

    def _mask(self, parts, shares):
        """RLE of the pixels whose mean probability, or share of the votes, is at least half."""
        best = int(np.argmax(shares))
        are_votes = not all("mask_probabilities" in self.rows[part] for part in parts)
        if len(parts) == 1 or are_votes and shares[best] > 0.5:  # the others cannot outvote it
            return self.rows[parts[best]]["segmentation"]
        key = (*parts, *np.round(shares, 3))
        if key not in self._voted:
            self._voted[key] = self._averaged(parts, shares, best, are_votes)
        return self._voted[key]

    def _averaged(self, parts, shares, best, are_votes):
        windows = [self._window(part, are_votes) for part in parts]
        top, left = (min(window[axis] for window in windows) for axis in (1, 2))
        bottom = max(top_of + mask.shape[0] for mask, top_of, _ in windows)
        right = max(left_of + mask.shape[1] for mask, _, left_of in windows)
        votes = np.zeros((bottom - top, right - left))
        for (mask, y, x), share in zip(windows, shares, strict=True):
            votes[y - top : y - top + mask.shape[0], x - left : x - left + mask.shape[1]] += (
                share * mask
            )
        covered = votes >= 0.5 - 1e-9
        if not covered.any():  # masks that do not overlap: the most confident
            return self.rows[parts[best]]["segmentation"]
        return rle.to_coco(rle.encode_window(covered, top, left, self.size_hw), self.size_hw)

    def _window(self, part, is_vote):
        """(mask (h, w) bool or float, top, left) of a prediction."""
        key, row = (part, is_vote), self.rows[part]
        if key not in self._windows:
            if is_vote:
                self._windows[key] = _window_of(row["segmentation"], self.size_hw)
            else:
                probabilities = row["mask_probabilities"] / np.float32(255)
                box = _yxyx(row, self.size_hw)
                self._windows[key] = paste_probabilities(probabilities, box, self.size_hw)
        return self._windows[key]

    def _attributes(self, parts, shares):
        rows = [self.rows[part] for part in parts]
        if all("attribute_scores" in row for row in rows):
            scores = shares @ np.stack([row["attribute_scores"] for row in rows])
            kept = {"attribute_scores": [round(float(score), 4) for score in scores]}
        elif not self.attribute_ids:
            return {"attribute_ids": []}
        else:  # ids alone: a vote
            has = [np.isin(self.attribute_ids, row["attribute_ids"]) for row in rows]
            scores, kept = shares @ np.array(has, np.float64), {}
        present = np.flatnonzero(scores >= ATTRIBUTE_THRESHOLD - 1e-9)
        return kept | {"attribute_ids": sorted(self.attribute_ids[i] for i in present)}


def _yxyx(row, size_hw):
    if "bbox" in row:
        x, y, width, height = row["bbox"]
        return y, x, y + height, x + width
    mask, top, left = _window_of(row["segmentation"], size_hw)
    return top, left, top + mask.shape[0], left + mask.shape[1]


def _window_of(packed, size_hw):
    """(mask (h, w) bool, top, left) of COCO's RLE: the rows and columns that have pixels."""
    height, width = size_hw
    counts = unpack(packed["counts"])
    covered = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T
    rows, columns = (np.flatnonzero(covered.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((0, 0), bool), 0, 0
    top, left = int(rows[0]), int(columns[0])
    return covered[top : rows[-1] + 1, left : columns[-1] + 1].copy(), top, left


def _frame(content: Any, name: str) -> dict[str, Any]:
    """Images and labels, by which all predictions are matched."""
    kinds = ("images", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in kinds):
        raise ValueError(
            f"{name} does not list its images and categories, as predictions.json of predict and "
            "evaluate does. Give such a file first, or the ground truth with --gt."
        )
    attributes = content.get("attributes") or []
    return {
        "images": checked_images(content["images"], name),
        "categories": checked_labels(content["categories"], name, "category"),
        "attributes": checked_labels(attributes, name, "attribute"),
        "annotations": [],
    }


def _member(path: Path, content: Any, frame: dict[str, Any]) -> StoredMember:
    about = content if isinstance(content, dict) else {}
    found = checked_results(_of_known_categories(content, frame, path.name), frame, path.name)
    rows: dict[Any, list[dict[str, Any]]] = {}
    for row in found:
        rows.setdefault(row["image_id"], []).append(row)
    images = [image["id"] for image in frame["images"]]
    if isinstance(about.get("images"), list):
        listed_images = checked_images(about["images"], path.name, sizes=False)
        named = [image.get("file_name", image["id"]) for image in listed_images]
        images = resolve_image_ids(named, frame, path.name)
    weights, rescored = about.get("weights"), about.get("rescored")
    return StoredMember(
        path.name,
        weights if isinstance(weights, str) else None,
        rows,
        frozenset(images),
        rescored if isinstance(rescored, bool) else None,
    )


def _of_known_categories(content: Any, frame: Mapping[str, Any], name: str) -> Any:
    """Leaves out, with a warning, predictions of categories that the frame does not have."""
    if not isinstance(content, dict) or not isinstance(content.get("categories"), list):
        return content
    if not isinstance(content.get("annotations"), list):
        raise ValueError(f"{name} has the annotations {preview(content.get('annotations'))}.")
    known = ids_by_name(
        checked_labels(content["categories"], name, "category"),
        frame["categories"],
        name,
        "category",
    )
    foreign = {i for i, ours in known.items() if ours is None}
    if not foreign:
        return content
    names = [row["name"] for row in content["categories"] if row["id"] in foreign]
    log.warning(
        "%s has %d categories that the others lack: %s. Their predictions are left out.",
        name,
        len(foreign),
        listed(names),
    )
    kept = [
        row
        for row in content["annotations"]
        if not isinstance(row, dict) or row.get("category_id") not in foreign
    ]
    return content | {"annotations": kept}
