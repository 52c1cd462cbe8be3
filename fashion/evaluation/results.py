"""Results: the detections of one photo in the form in which COCO's evaluation reads them."""

import numpy as np

from fashion import rle
from mrcnn.inference.pasting import paste_window


def coco_results(result, image_index, ontology, *, threshold=0.5):
    """One COCO result dict for every detection; no mask is ever as large as the photo.

    result: of one photo: "boxes" (N, 4) yxyx, photo pixels; "class_ids" (N,); "scores" (N,);
        "mask_probabilities" (N, h, w), each filling its box; "image_hw"; "attributes": N lists of real ids
        (missing: none)
    image_index: the photo's "id" in the ground truth
    threshold: a mask covers the pixels where its probability is at least this
    Returns: list of N {"image_id", "category_id", "bbox": [x, y, w, h] in photo pixels, "segmentation":
        compressed RLE, "score", "attribute_ids": real ids}, of plain Python numbers, ready for JSON.
    """
    size_hw = tuple(int(edge) for edge in result["image_hw"])
    attributes = result.get("attributes") or [()] * len(result["scores"])
    results = []
    for i, box in enumerate(np.asarray(result["boxes"], np.float64)):
        window = paste_window(result["mask_probabilities"][i], box, size_hw, threshold)
        y1, x1, y2, x2 = box.tolist()
        results.append({
            "image_id": image_index,
            "category_id": int(ontology.category_id_of(int(result["class_ids"][i]))),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "segmentation": rle.to_coco(rle.encode_window(*window, size_hw), size_hw),
            "score": float(result["scores"][i]),
            "attribute_ids": [int(attribute_id) for attribute_id in attributes[i]],
        })
    return results
