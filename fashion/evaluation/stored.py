"""Stored truth: labelled photos from a Kaggle CSV or a COCO file, as the COCO dict that every measure here reads.

In it every object has a whole set of fields: "id" from 1, "image_id", "category_id", "iscrowd", "bbox" [x, y, w, h], "area", "segmentation"
(compressed RLE of the photo's size) and "attribute_ids", real ids, ascending.
"""
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.forms import compressed
from fashion.evaluation.frames import coco_objects
from fashion.evaluation.sound_masks import areas_of_sound

_SHOWN = 3   # examples that an error names


def read_ground_truth(path, ontology=None, *, read_annotations=None):
    """The ground truth of a file: a Kaggle CSV (.csv, 2019 or 2020), otherwise a COCO or Fashionpedia JSON.

    ontology: of a CSV, whose ids mean nothing without one; a JSON has its own
    read_annotations: `fashion.datasets.annotation_csv.read_annotations` for a CSV, handed over because the folders of `fashion` do not
        import each other
    Returns: COCO dict; see the head of this file. Images of a CSV are numbered from 0 in the order of their first rows, as
        `IMaterialistDataset.to_coco` numbers them, and have the CSV's ImageId as "file_name".
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return checked_ground_truth(read_json(path), path.name)
    if ontology is None or read_annotations is None:
        raise ValueError(f"{path.name} is a CSV, which needs an ontology and read_annotations to be read.")
    places = []

    def read_runs(texts, sizes_hw):
        found, wrong = coco_objects(texts, sizes_hw, sizes_hw)
        places.extend(found)
        return wrong

    annotations, bad = read_annotations(path, ontology, read_runs=read_runs)
    if bad:
        shown = "; ".join(f"line {row.line} (image {row.image_id}): {row.reason}" for row in bad[:_SHOWN])
        raise ValueError(f"{path.name} has {len(bad)} rows that cannot be used: {shown}. A score leaves out no object: correct the file.")
    in_the_file = np.argsort(np.argsort(annotations.line))    # the annotations of an image lie together, the rows of a CSV perhaps not
    return truth_of_annotations(annotations, [places[i] for i in in_the_file], ontology)


def truth_of_annotations(annotations, places, ontology):
    """The rows of a CSV (`fashion.datasets.annotations.Annotations`) as a COCO dict; see `read_ground_truth`.

    places: for each row the fields that come from its mask, from `frames.coco_objects`
    """
    image_of_row, sizes_hw = annotations.image_of_rows(), annotations.image_hw
    ids = np.array(ontology.attribute_ids, np.int64)[annotations.attributes]
    first = annotations.first_attribute
    objects = [{"id": row + 1, "image_id": image, "category_id": ontology.category_ids[class_id - 1], "iscrowd": 0, **place,
                "attribute_ids": sorted(ids[first[row]:first[row + 1]].tolist())}
               for row, (image, class_id, place) in enumerate(zip(image_of_row.tolist(), annotations.class_ids.tolist(), places))]
    labels = ontology.to_dict()
    return {"images": [{"id": i, "file_name": name, "height": height, "width": width}
                       for i, (name, (height, width)) in enumerate(zip(annotations.image_ids, sizes_hw.tolist()))],
            "annotations": objects,
            **{kind: [{"id": i, "name": name, "supercategory": above} for i, name, above in labels[kind]]
               for kind in ("categories", "attributes")}}


def checked_ground_truth(content, name="The ground truth"):
    """The content of a COCO or Fashionpedia JSON with every field filled in, or a ValueError. Does not change its argument.

    Filled in where they lack: "bbox" and "area" (of the mask), "iscrowd" (0), "attribute_ids" (none). Polygons become RLE.
    """
    lacking = [key for key in ("images", "annotations", "categories")
               if not isinstance(content, dict) or not isinstance(content.get(key), list)]
    if lacking:
        raise ValueError(f"{name} has no list of {', '.join(lacking)}. Expected COCO's layout: an object with images, annotations and "
                         "categories. A list of results belongs to the predictions.")
    fields_of(content["images"], ("id", "height", "width"), name, "image")
    fields_of(content["annotations"], ("id", "image_id", "category_id", "segmentation"), name, "annotation")
    for kind in ("categories", "attributes"):
        fields_of(content.get(kind) or (), ("id", "name"), name, kind.removesuffix("s"))
    _check_unique([image["id"] for image in content["images"]], name, "image")
    ids = [annotation["id"] for annotation in content["annotations"]]
    _check_unique(ids, name, "annotation")
    if any(not isinstance(i, int) or i < 1 for i in ids):
        wrong = [i for i in ids if not isinstance(i, int) or i < 1]
        raise ValueError(f"{name} has {len(wrong)} annotation ids that are not whole numbers from 1, for example {wrong[0]!r}: evaluators "
                         "take id 0 for 'not matched' and would count that object as missed. Number the annotations from 1.")
    check_known(content["annotations"], content, name)
    size_of = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    described = [f"Annotation {i} of {name}" for i in ids]
    objects = [{"iscrowd": 0, **annotation, "attribute_ids": sorted({int(i) for i in annotation.get("attribute_ids") or ()}),
                "segmentation": as_rle(annotation["segmentation"], size_of[annotation["image_id"]], where)}
               for annotation, where in zip(content["annotations"], described)]
    with_areas(objects, described)
    lacking = [row for row in objects if "bbox" not in row]
    if lacking:   # pycocotools takes no empty list
        for row, box in zip(lacking, coco_mask.toBbox([row["segmentation"] for row in lacking]).tolist()):
            row["bbox"] = box
    return {**content, "annotations": objects}


# What truth and predictions have in common

def read_json(path):
    """The content of a JSON file, or a ValueError that says where it breaks off."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{Path(path).name} cannot be read as JSON: {error}. Expected .json, or .csv for Kaggle's tables.") from error


def fields_of(rows, keys, name, kind):
    """Refuses rows that are no dicts with these keys."""
    for i, row in enumerate(rows):
        lacking = [key for key in keys if not isinstance(row, dict) or key not in row]
        if lacking:
            raise ValueError(f"{name}: {kind} number {i} (from 0) has no {', '.join(lacking)}. Each needs {', '.join(keys)}.")


def check_known(objects, ground_truth, name):
    """Refuses objects of images, categories or attributes that `ground_truth` does not list; says how many there are."""
    known = {"image": {row["id"] for row in ground_truth["images"]}, "category": {row["id"] for row in ground_truth["categories"]}}
    said = {"image": [row["image_id"] for row in objects], "category": [row["category_id"] for row in objects]}
    if ground_truth.get("attributes"):   # plain COCO has none
        known["attribute"] = {row["id"] for row in ground_truth["attributes"]}
        said["attribute"] = [i for row in objects for i in row.get("attribute_ids") or ()]
    for kind, ids in said.items():
        unknown = sorted(set(ids) - known[kind], key=str)
        if unknown:
            refuse_unknown(unknown, name, kind, len(known[kind]))


def refuse_unknown(unknown, name, kind, known):
    """Raises the error for ids that the ground truth lacks. unknown: sorted list; known: how many it has."""
    plural = {"category": "categories"}.get(kind, f"{kind}s")
    raise ValueError(f"{name} has {len(unknown)} {plural if len(unknown) > 1 else kind} that the ground truth does not list: "
                     f"{', '.join(map(str, unknown[:_SHOWN]))}{' …' if len(unknown) > _SHOWN else ''} (it lists {known}). "
                     "Do the two files belong to the same photos and the same label list?")


def as_rle(segmentation, size_hw, name):
    """COCO's three forms of a mask (polygons, counts, compressed counts) as the last of them: {"size", "counts": str}.

    Whether the counts fill the photo, `with_areas` looks for many masks at once.
    """
    height, width = (int(edge) for edge in size_hw)
    try:
        if isinstance(segmentation, list):
            _check_polygons(segmentation)
        mask = compressed(segmentation, (height, width))
        size, counts = list(mask["size"]), mask["counts"]
        counts = counts.decode("ascii") if isinstance(counts, bytes) else counts
        if not isinstance(counts, str) or not counts.isascii():
            raise TypeError(f"counts {str(counts)[:40]!r}")
    except (KeyError, TypeError, IndexError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} has a segmentation that cannot be read ({error!r}). Expected polygons, or run lengths with size and "
                         "counts.") from error
    if size != [height, width]:
        raise ValueError(f"{name} has a mask of {'x'.join(map(str, size))}, but its photo is {height} high and {width} wide. A mask must "
                         "have the size of its photo.")
    return {"size": [height, width], "counts": counts}


def with_areas(objects, described):
    """Adds "area" (of the mask, in pixels) to those of these dicts that lack it; returns the list.

    described: what errors call each of them
    Raises ValueError for masks whose run lengths do not fill their photo.
    """
    found = areas_of_sound([row["segmentation"] for row in objects])
    damaged = np.flatnonzero(found < 0)
    if len(damaged):
        height, width = objects[damaged[0]]["segmentation"]["size"]
        raise ValueError(f"{described[damaged[0]]} has run lengths that cannot be: those of a photo {height} high and {width} wide are 0 "
                         f"or more and add up to {height * width}. So many masks are damaged: {len(damaged)}. Write the file anew.")
    for row, area in zip(objects, found.tolist()):
        row.setdefault("area", area)
    return objects


def _check_polygons(polygons):
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(f"a polygon {str(polygon)[:40]}: expected x, y, x, y, … of at least three points")
        if not all(math.isfinite(edge) for edge in polygon):
            raise ValueError(f"a polygon {str(polygon)[:40]}: expected numbers")


def _check_unique(ids, name, kind):
    twice = sorted((i for i, count in Counter(ids).items() if count > 1), key=str)
    if twice:
        raise ValueError(f"{name} has {len(twice)} {kind} ids that occur more than once, for example "
                         f"{', '.join(map(str, twice[:_SHOWN]))}. Every {kind} needs an id of its own.")
