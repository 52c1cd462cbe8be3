"""Results of a model as COCO results, and what a search of thresholds needs beside."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fashion.evaluation.attribute_tables import objects_of
from fashion.formats import rle
from fashion.labels.ontology import Ontology
from mrcnn.data.record_checks import as_integer, preview
from mrcnn.inference.pasting import paste_window
from mrcnn.typing import Array

OnResult = Callable[[int, dict], Any]  # called with an image id and the result of the model


def coco_results(
    result: Mapping[str, Any],
    image_index: int,
    ontology: Ontology,
    *,
    threshold: float = 0.5,
    raw: bool = False,
    attribute_scores: bool = False,
) -> list[dict]:
    """Writes the detections of an image as COCO results; no mask is ever as large as the image.

    Args:
        result: "boxes" `(N, 4)` yxyx, pixels of the image; "class_ids" `(N,)`; "scores" `(N,)`;
            "mask_probabilities" `(N, h, w)`, each filling its box; "image_hw"; "attributes", N
            lists of ids (missing: none).
        image_index: The image's "id" in the ground truth.
        ontology: Labels of the model.
        threshold: A mask covers the pixels where its probability is at least this; of a result
            with "mask_thresholds" `(N,)`, at least these.
        raw: Whether to add what thresholds were applied to; needs "attribute_scores" `(N, T)` in
            the result.
        attribute_scores: Whether to add these, but not the probabilities of the masks, which make
            files several times as large.

    Returns:
        N dicts of plain Python numbers, ready for JSON: "image_id", "category_id", "bbox"
        [x, y, w, h] in pixels of the image, "segmentation" (compressed RLE), "score",
        "attribute_ids". With `raw` each has in addition "mask_probabilities", see `packed_mask`,
        and, if its category carries attributes, "attribute_scores": T floats of 4 digits.
    """
    size_hw = int(result["image_hw"][0]), int(result["image_hw"][1])
    attributes = result.get("attributes") or [()] * len(result["scores"])
    thresholds = result.get("mask_thresholds", [threshold] * len(result["scores"]))
    rows = []
    for i, box in enumerate(np.asarray(result["boxes"], np.float64)):
        probabilities = result["mask_probabilities"][i]
        row: dict[str, Any] = {
            "image_id": image_index,
            "category_id": int(ontology.category_id_of(int(result["class_ids"][i]))),
            "bbox": _xywh(box),
            "segmentation": _segmentation(probabilities, box, size_hw, float(thresholds[i])),
            "score": float(result["scores"][i]),
            "attribute_ids": [int(attribute_id) for attribute_id in attributes[i]],
        }
        if raw:
            row["mask_probabilities"] = packed_mask(probabilities)
        if (raw or attribute_scores) and ontology.carries_attributes(row["category_id"]):
            row["attribute_scores"] = _rounded(result["attribute_scores"][i])
        rows.append(row)
    return rows


def _xywh(box: Array) -> list[float]:
    y1, x1, y2, x2 = box.tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def _segmentation(
    probabilities: Array, box: Array, size_hw: tuple[int, int], threshold: float
) -> dict[str, Any]:
    mask, top, left = paste_window(probabilities, box, size_hw, threshold)
    return rle.to_coco(rle.encode_window(mask, top, left, size_hw), size_hw)


def _rounded(scores: Array) -> list[float]:
    return [round(score, 4) for score in np.asarray(scores).tolist()]


def boxes_of(rows: Sequence[Mapping]) -> Array:
    """Reads the boxes of COCO annotations or results.

    Args:
        rows: N dicts with "bbox" [x, y, w, h].

    Returns:
        `(N, 4)` float64 yxyx.
    """
    x, y, w, h = np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4).T
    return np.stack([y, x, y + h, x + w], axis=1)


def packed_mask(probabilities: Array) -> dict:
    """Packs the probabilities of a mask for JSON.

    Args:
        probabilities: `(h, w)` float in [0, 1].

    Returns:
        {"size": [h, w], "data": base64 of h * w bytes, row by row, 255 is 1}.
    """
    values = np.clip(np.rint(np.asarray(probabilities) * 255), 0, 255).astype(np.uint8)
    return {"size": list(values.shape), "data": base64.b64encode(values.tobytes()).decode("ascii")}


def unpacked_mask(packed: Any) -> Array:
    """Unpacks what `packed_mask` returned.

    Args:
        packed: Content of a file, perhaps something else.

    Returns:
        `(h, w)` uint8.

    Raises:
        ValueError: With the reason, if it is something else.
    """
    fields = packed if isinstance(packed, dict) else {}
    size, data = fields.get("size"), fields.get("data")
    edges = size if isinstance(size, (list, tuple)) and len(size) == 2 else (None, None)
    height, width = (as_integer(edge) for edge in edges)
    if height is None or width is None or min(height, width) < 1:
        raise ValueError(f"the size is {preview(size)}, not [height, width]")
    if not isinstance(data, str):
        raise ValueError(f"the data are {preview(data)}, not text")
    try:
        values = np.frombuffer(base64.b64decode(data, validate=True), np.uint8)
    except ValueError:
        raise ValueError("the data are not base64") from None
    if values.size != height * width:
        raise ValueError(
            f"{height} x {width} probabilities were expected, but there are {values.size}"
        )
    return values.reshape(height, width)


def predict_dataset(
    model: Any, dataset: Any, image_ids: Iterable[int], *, on_result: OnResult | None = None
) -> list[dict]:
    """Predicts some images of a data set, a batch in memory at a time.

    Args:
        model: `FashionModel`.
        dataset: `IMaterialistDataset`.
        image_ids: Of the data set.
        on_result: Called after each image, for figures and progress.

    Returns:
        COCO results with "attribute_ids"; their image_id is the data set's.
    """
    ids = [int(i) for i in image_ids]
    detections = []
    for image_id, result in zip(ids, model.stream(map(dataset.load_image, ids)), strict=True):
        detections += coco_results(result, image_id, model.ontology)
        if on_result:
            on_result(image_id, result)
    return detections


def describe_dataset(
    model: Any, dataset: Any, image_ids: Iterable[int], *, on_result: OnResult | None = None
) -> list[dict]:
    """Predicts attributes at the ground-truth boxes of some images, for `attribute_f1_on_truth`.

    Args:
        model: `FashionModel`.
        dataset: `IMaterialistDataset` with the model's ontology.
        image_ids: Of the data set.
        on_result: Called after each image with the result of `FashionModel.describe`.

    Returns:
        One dict for each object of `dataset.to_coco(image_ids)` that is not a crowd, in its order:
        "image_id", "annotation_id" (its "id" there), "category_id", "attribute_ids",
        "attribute_scores" `(T,)` float32.
    """
    ids = [int(i) for i in image_ids]
    of_image: dict[int, list[dict]] = {i: [] for i in ids}
    for row in objects_of(dataset.to_coco(ids)):
        of_image[row["image_id"]].append(row)
    boxes = (boxes_of(of_image[i]).astype(np.float32) for i in ids)
    class_id_of = model.ontology.class_id_of
    class_ids = ([class_id_of(row["category_id"]) for row in of_image[i]] for i in ids)
    results = model.describe(map(dataset.load_image, ids), boxes, class_ids)
    described = []
    for i, result in zip(ids, results, strict=True):
        attributes = result["attributes"], result["attribute_scores"]
        for row, attribute_ids, scores in zip(of_image[i], *attributes, strict=True):
            described.append(
                {
                    "image_id": i,
                    "annotation_id": row["id"],
                    "category_id": row["category_id"],
                    "attribute_ids": attribute_ids,
                    "attribute_scores": scores,
                }
            )
        if on_result:
            on_result(i, result)
    return described
