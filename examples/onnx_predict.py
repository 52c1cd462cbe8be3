"""Read an exported ONNX file without this project: NumPy, Pillow and ONNX Runtime are enough.

    python examples/onnx_predict.py exports/ccp.onnx photo.jpg photo_masks.png

Prints each detection, and draws the masks over the photo.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image


def detect(session, about, photo) -> dict:
    """Returns the outputs for one photo, with boxes (N, 4) y1, x1, y2, x2 in its pixels."""
    height, width = about["image_hw"]
    scale = min(height / photo.height, width / photo.width)
    size = round(photo.width * scale), round(photo.height * scale)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    canvas = np.zeros((1, height, width, 3), np.uint8)  # the file normalises the pixels itself
    window = canvas[0, top : top + size[1], left : left + size[0]]
    window[:] = np.asarray(photo.resize(size, Image.Resampling.BOX))
    inputs = {"images": canvas, "windows": np.float32([[top, left, top + size[1], left + size[0]]])}
    found = dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs)))
    count = found.pop("count")[0]
    rows = {name: column[0][:count] for name, column in found.items()}
    return rows | {"boxes": (rows["boxes"] - [top, left, top, left]) / scale}


def paste(probabilities, box, photo) -> np.ndarray:
    """Returns the mask (h, w) bool of a grid of probabilities that fills a box of the photo."""
    y1, x1, y2, x2 = (int(n) for n in np.round(box))
    grid = Image.fromarray(probabilities).resize((max(x2 - x1, 1), max(y2 - y1, 1)), Image.BILINEAR)
    mask = Image.new("F", photo.size)
    mask.paste(grid, (x1, y1))
    return np.asarray(mask) >= 0.5


def main(file, photo, drawn) -> None:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["metadata"])
    config, labels, photo = about["config"], about["labels"], Image.open(photo).convert("RGB")
    rows, pixels = detect(session, about, photo), np.asarray(photo).copy()
    for i in np.flatnonzero(rows["scores"] >= config["CONFIDENCE_THRESHOLD"]):
        mask = paste(rows["mask_probabilities"][i], rows["boxes"][i], photo)
        color = np.random.default_rng(i).integers(60, 256, 3)
        pixels[mask] = (pixels[mask] * 0.4 + color * 0.6).astype(np.uint8)
        number, name, _ = labels["categories"][rows["class_ids"][i] - 1]
        likely = np.flatnonzero(rows["attribute_scores"][i] >= config["ATTRIBUTE_THRESHOLD"])
        carries = number in labels["attribute_category_ids"]
        attributes = [labels["attributes"][k][1] for k in likely if carries]
        print(f"{name} {rows['scores'][i]:.2f} {', '.join(attributes)}")
    Image.fromarray(pixels).save(drawn)


if __name__ == "__main__":
    main(*sys.argv[1:])
