"""Predictions in the formats of annotation tools, for people to correct.

Label Studio   tasks with predictions: a brush region for each object
CVAT           "CVAT for images 1.1": a mask for each object, in annotations.xml
COCO           a COCO file with scores; many tools import it
FiftyOne       the same with names of attributes, as its COCO importer reads labels.json
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from pycocotools import mask as coco_mask

from fashion.formats.brush_rle import encode
from mrcnn.typing import Array

# Called after each image, for progress.
OnImage = Callable[[], Any]


class Predictions:
    """Checked predictions, grouped by image.

    Args:
        content: Images, annotations, categories and perhaps attributes, in COCO's layout and
            checked. An annotation has a "score".
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.images: list[dict[str, Any]] = content["images"]
        self.categories: list[dict[str, Any]] = content["categories"]
        self.attributes: list[dict[str, Any]] = content.get("attributes") or []
        self._category = {row["id"]: row["name"] for row in self.categories}
        self._attribute = {row["id"]: row["name"] for row in self.attributes}
        self._of_image: dict[Any, list[dict[str, Any]]] = {}
        for row in content["annotations"]:
            self._of_image.setdefault(row["image_id"], []).append(row)

    def objects(self, image: dict[str, Any]) -> list[dict[str, Any]]:
        """Lists the objects of an image.

        Args:
            image: One of `images`.

        Returns:
            Its annotations.
        """
        return self._of_image.get(image["id"], [])

    def category(self, row: dict[str, Any]) -> str:
        """Names the category of an object.

        Args:
            row: Its annotation.

        Returns:
            The name.
        """
        return self._category[row["category_id"]]

    def attribute_names(self, row: dict[str, Any]) -> list[str]:
        """Names the attributes of an object.

        Args:
            row: Its annotation.

        Returns:
            The names.
        """
        return [self._attribute[i] for i in row["attribute_ids"]]

    def file_names(self) -> list[str]:
        """Returns file names without folders, or with them where two are the same without.

        Returns:
            A name for each image.
        """
        full = [
            str(image.get("file_name", image["id"])).replace("\\", "/") for image in self.images
        ]
        short = [name.rpartition("/")[2] for name in full]
        return short if len(set(short)) == len(short) else full


def label_studio(
    predictions: Predictions, url: str, version: str, on_image: OnImage | None = None
) -> Iterator[str]:
    """Writes tasks of Label Studio.

    Args:
        predictions: The predictions.
        url: What comes before the name of an image in its address.
        version: Name of the model.
        on_image: Called after each image.

    Yields:
        Parts of a JSON file.
    """
    numbers = itertools.count(1)
    yield "["
    for image, name in zip(predictions.images, predictions.file_names()):
        objects = predictions.objects(image)
        size = {"original_width": image["width"], "original_height": image["height"]}
        result: list[dict[str, Any]] = []
        for row in objects:
            common = {"id": f"p{next(numbers)}", "to_name": "image", "image_rotation": 0, **size}
            brush = {
                "format": "rle",
                "rle": encode(coco_mask.decode(row["segmentation"])),
                "brushlabels": [predictions.category(row)],
            }
            region = {"type": "brushlabels", "from_name": "category", "value": brush}
            result.append(common | region | {"score": row["score"]})
            names = predictions.attribute_names(row)
            if names:
                choices = {"choices": names}
                result.append(
                    common | {"type": "choices", "from_name": "attributes", "value": choices}
                )
        scores = [row["score"] for row in objects]
        prediction = {
            "model_version": version,
            "score": float(np.mean(scores)) if scores else 0.0,
            "result": result,
        }
        task = {"data": {"image": url + name}, "predictions": [prediction]}
        yield "" if image is predictions.images[0] else ",\n"
        yield json.dumps(task)
        if on_image:
            on_image()
    yield "]\n"


def label_studio_config(predictions: Predictions) -> str:
    """Writes the labelling configuration of a project of Label Studio.

    Args:
        predictions: The predictions.

    Returns:
        XML.
    """
    lines = ["<View>", '  <Image name="image" value="$image" zoom="true"/>']
    lines.append('  <BrushLabels name="category" toName="image">')
    lines += [f"    <Label value={quoteattr(row['name'])}/>" for row in predictions.categories]
    lines.append("  </BrushLabels>")
    if predictions.attributes:
        lines.append(
            '  <Choices name="attributes" toName="image" choice="multiple" perRegion="true">'
        )
        lines += [f"    <Choice value={quoteattr(row['name'])}/>" for row in predictions.attributes]
        lines.append("  </Choices>")
    return "\n".join([*lines, "</View>"]) + "\n"


def cvat(predictions: Predictions, on_image: OnImage | None = None) -> Iterator[str]:
    """Writes annotations.xml of "CVAT for images 1.1".

    Args:
        predictions: The predictions.
        on_image: Called after each image.

    Yields:
        Parts of the file.
    """
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
    yield f"  <meta>\n    <task>\n      <size>{len(predictions.images)}</size>\n"
    yield "      <mode>annotation</mode>\n      <labels>\n"
    for label in cvat_labels(predictions):
        yield f"        <label>\n          <name>{escape(label['name'])}</name>\n"
        yield "          <type>mask</type>\n          <attributes>\n"
        for row in label["attributes"]:
            yield f"            <attribute>\n              <name>{row['name']}</name>\n"
            yield "              <mutable>False</mutable>\n"
            yield "              <input_type>text</input_type>\n"
            yield "              <default_value></default_value>\n              <values></values>\n"
            yield "            </attribute>\n"
        yield "          </attributes>\n        </label>\n"
    yield "      </labels>\n    </task>\n  </meta>\n"
    for number, (image, name) in enumerate(zip(predictions.images, predictions.file_names())):
        size = f'width="{image["width"]}" height="{image["height"]}"'
        yield f'  <image id="{number}" name={quoteattr(name)} {size}>\n'
        for row in predictions.objects(image):
            yield _cvat_mask(predictions, row)
        yield "  </image>\n"
        if on_image:
            on_image()
    yield "</annotations>\n"


def _cvat_mask(predictions: Predictions, row: dict[str, Any]) -> str:
    mask = coco_mask.decode(row["segmentation"]).astype(bool)
    if not mask.any():
        return ""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    window = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    place = f'left="{left}" top="{top}" width="{window.shape[1]}" height="{window.shape[0]}"'
    runs = ", ".join(map(str, row_counts(window)))
    names = escape(", ".join(predictions.attribute_names(row)))
    return (
        f'    <mask label={quoteattr(predictions.category(row))} source="auto" occluded="0" '
        f'rle="{runs}" {place} z_order="0">\n'
        f'      <attribute name="attributes">{names}</attribute>\n'
        f'      <attribute name="score">{row["score"]:.4f}</attribute>\n'
        "    </mask>\n"
    )


def row_counts(mask: Array) -> list[int]:
    """Counts runs of 0s and 1s in turn, row by row, 0s first.

    Args:
        mask: `(h, w)` bool.

    Returns:
        The lengths of the runs.
    """
    flat = mask.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *counts] if flat[0] else counts


def cvat_labels(predictions: Predictions) -> list[dict[str, Any]]:
    """Makes the labels of a CVAT task, as its raw editor takes them.

    Args:
        predictions: The predictions.

    Returns:
        JSON.
    """
    texts = [
        {"name": name, "mutable": False, "input_type": "text", "values": [""]}
        for name in ("attributes", "score")
    ]
    return [
        {"name": row["name"], "type": "mask", "attributes": texts} for row in predictions.categories
    ]


def coco(
    predictions: Predictions, names: bool = False, on_image: OnImage | None = None
) -> dict[str, Any]:
    """Writes a COCO file.

    Args:
        predictions: The predictions.
        names: Whether annotations have the names of their attributes, for FiftyOne, instead of
            their ids.
        on_image: Called after each image.

    Returns:
        JSON.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image, name in zip(predictions.images, predictions.file_names()):
        size = {"width": image["width"], "height": image["height"]}
        images.append({"id": image["id"], "file_name": name, **size})
        for row in predictions.objects(image):
            kept = ("category_id", "bbox", "area", "segmentation", "score")
            found = {"id": len(annotations) + 1, "image_id": image["id"], "iscrowd": 0}
            found |= {key: row[key] for key in kept}
            if names:
                found["attributes"] = predictions.attribute_names(row)
            elif predictions.attributes:
                found["attribute_ids"] = row["attribute_ids"]
            annotations.append(found)
        if on_image:
            on_image()
    content = {"images": images, "annotations": annotations, "categories": predictions.categories}
    if predictions.attributes and not names:
        content["attributes"] = predictions.attributes
    return content


def written(parts: Iterable[str]) -> bytes:
    """Joins the parts of a file.

    Args:
        parts: Texts.

    Returns:
        UTF-8.
    """
    return "".join(parts).encode("utf-8")
