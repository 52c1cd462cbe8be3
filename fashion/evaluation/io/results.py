"""Results: the detections of one photo in the form in which COCO's evaluation reads them, and what a search of thresholds needs beside."""

import base64

import numpy as np

from fashion.evaluation.attribute_tables import objects_of
from fashion.formats import rle
from mrcnn.data.record_checks import as_integer, preview
from mrcnn.inference.pasting import paste_window


def coco_results(
    result, image_index, ontology, *, threshold=0.5, raw=False, attribute_scores=False
):
    """One COCO result dict for every detection; no mask is ever as large as the photo.

    result: of one photo: "boxes" (N, 4) yxyx, photo pixels; "class_ids" (N,); "scores" (N,);
        "mask_probabilities" (N, h, w), each filling its box; "image_hw"; "attributes": N lists of real ids
        (missing: none)
    image_index: the photo's "id" in the ground truth
    threshold: a mask covers the pixels where its probability is at least this
    raw: add what thresholds were applied to; needs "attribute_scores" (N, T) in the result
    attribute_scores: add these, but not the masks' probabilities, of which files become several times as large
    Returns: list of N {"image_id", "category_id", "bbox": [x, y, w, h] in photo pixels, "segmentation":
        compressed RLE, "score", "attribute_ids": real ids}, of plain Python numbers, ready for JSON. With `raw` each has in addition
        "mask_probabilities", see `packed_mask`, and, if its category carries attributes, "attribute_scores": T floats of 4 digits.
    """
    size_hw = tuple(int(edge) for edge in result["image_hw"])
    attributes = result.get("attributes") or [()] * len(result["scores"])
    results = []
    for i, box in enumerate(np.asarray(result["boxes"], np.float64)):
        window = paste_window(result["mask_probabilities"][i], box, size_hw, threshold)
        y1, x1, y2, x2 = box.tolist()
        results.append(
            {
                "image_id": image_index,
                "category_id": int(ontology.category_id_of(int(result["class_ids"][i]))),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "segmentation": rle.to_coco(rle.encode_window(*window, size_hw), size_hw),
                "score": float(result["scores"][i]),
                "attribute_ids": [int(attribute_id) for attribute_id in attributes[i]],
            }
        )
        if raw:
            results[-1]["mask_probabilities"] = packed_mask(result["mask_probabilities"][i])
        if (raw or attribute_scores) and ontology.carries_attributes(results[-1]["category_id"]):
            results[-1]["attribute_scores"] = [
                round(score, 4) for score in np.asarray(result["attribute_scores"][i]).tolist()
            ]
    return results


def boxes_of(rows):
    """Boxes (N, 4) float64 yxyx of COCO annotations or results, whose "bbox" is [x, y, w, h]."""
    x, y, w, h = np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4).T
    return np.stack([y, x, y + h, x + w], axis=1)


def packed_mask(probabilities):
    """(h, w) float 0..1 -> {"size": [h, w], "data": base64 of h * w bytes, row by row, 255 is 1}."""
    values = np.clip(np.rint(np.asarray(probabilities) * 255), 0, 255).astype(np.uint8)
    return {"size": list(values.shape), "data": base64.b64encode(values.tobytes()).decode("ascii")}


def unpacked_mask(packed):
    """What `packed_mask` returned -> (h, w) uint8. Raises ValueError with the reason if it is something else."""
    size, data = (
        (packed.get(key) for key in ("size", "data")) if isinstance(packed, dict) else (None, None)
    )
    edges = (
        [as_integer(edge) for edge in size]
        if isinstance(size, (list, tuple)) and len(size) == 2
        else [None]
    )
    if None in edges or min(edges) < 1:
        raise ValueError(f"the size is {preview(size)}, not [height, width]")
    if not isinstance(data, str):
        raise ValueError(f"the data are {preview(data)}, not text")
    try:
        values = np.frombuffer(base64.b64decode(data, validate=True), np.uint8)
    except ValueError:
        raise ValueError("the data are no base64") from None
    height, width = edges
    if values.size != height * width:
        raise ValueError(
            f"{height} x {width} probabilities were expected, but there are {values.size}"
        )
    return values.reshape(height, width)


def predict_dataset(model, dataset, image_ids, *, on_result=None):
    """COCO results of `model` (a FashionModel) on some photos of an IMaterialistDataset, a batch in memory at a time.

    on_result: callable (image_id, result), for pictures and progress.
    Returns: list of COCO result dicts with "attribute_ids"; their image_id is the data set's.
    """
    ids, found = [int(i) for i in image_ids], []
    for image_id, result in zip(ids, model.stream(map(dataset.load_image, ids)), strict=True):
        found += coco_results(result, image_id, model.ontology)
        if on_result:
            on_result(image_id, result)
    return found


def describe_dataset(model, dataset, image_ids, *, on_result=None):
    """What `model` (a FashionModel) says of the true boxes of some photos, for `attribute_f1.attribute_f1_on_truth`.

    dataset: an IMaterialistDataset with the model's ontology
    on_result: callable (image_id, result of `FashionModel.describe`), for pictures and progress
    Returns: list of dicts, one for each object of `dataset.to_coco(image_ids)` that is no crowd, in its order: {"image_id",
        "annotation_id": its "id" there, "category_id", "attribute_ids": real ids, "attribute_scores": (T,) float32}.
    """
    ids = [int(i) for i in image_ids]
    of_image = {i: [] for i in ids}
    for row in objects_of(dataset.to_coco(ids)):
        of_image[row["image_id"]].append(row)
    boxes = (boxes_of(of_image[i]).astype(np.float32) for i in ids)
    class_ids = (
        [model.ontology.class_id_of(row["category_id"]) for row in of_image[i]] for i in ids
    )
    described = []
    for i, result in zip(
        ids, model.describe(map(dataset.load_image, ids), boxes, class_ids), strict=True
    ):
        described += [
            {
                "image_id": i,
                "annotation_id": row["id"],
                "category_id": row["category_id"],
                "attribute_ids": attribute_ids,
                "attribute_scores": scores,
            }
            for row, attribute_ids, scores in zip(
                of_image[i], result["attributes"], result["attribute_scores"], strict=True
            )
        ]
        if on_result:
            on_result(i, result)
    return described
