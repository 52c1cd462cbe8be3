"""Stored predictions: a submission CSV or COCO results, as the COCO results that every measure here reads.

Each has "image_id" and "category_id" of the ground truth, "score", "segmentation" (compressed RLE of the photo's size), "area" (pixels of
the mask) and "attribute_ids", real ids, ascending; where they are stored, "bbox" [x, y, w, h], "attribute_scores", (T,) float32 in the
order of the ground truth's attributes, and "mask_probabilities", (h, w) uint8 of the box. No box is made up: evaluators take a detection
with a box of its own for as large as that, and others for as large as their masks.
"""
import csv
import logging
import math
from pathlib import Path

import numpy as np

from fashion.evaluation.frames import coco_objects
from fashion.evaluation.photo_ids import photo_ids
from fashion.evaluation.results import unpacked_mask
from fashion.evaluation.stored import as_rle, check_known, fields_of, read_json, refuse_unknown, with_areas

log = logging.getLogger(__name__)


def read_detections(path, ground_truth, *, table=None, attribute_threshold=0.5):
    """The predictions of a file: a submission (.csv, 2019 or 2020), otherwise COCO results as JSON.

    ground_truth: COCO dict, as `read_ground_truth` returns it
    table: the module `fashion.submission.table` for a CSV, handed over because the folders of `fashion` do not import each other
    attribute_threshold: of results with "attribute_scores", those at least as high as this are the attributes
    Returns: list of COCO result dicts; see the head of this file.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return checked_results(read_json(path), ground_truth, path.name, attribute_threshold=attribute_threshold)
    if table is None:
        raise ValueError(f"{path.name} is a CSV, which needs the module fashion.submission.table to be read.")
    return read_submission(path, ground_truth, table)


# COCO results

def checked_results(content, ground_truth, name="The predictions", *, attribute_threshold=0.5):
    """COCO results with every field filled in, or a ValueError. Does not change its arguments.

    content: a list of results, whose "image_id" is an id of the ground truth or a file name; or a dict of "images" and "annotations", as
        `fashion/predict.py` writes it, where photos are the same if their file names are; see `photo_ids` for both.
        Attributes are "attribute_ids", or "attribute_scores": {id: score}, or a list of scores, one for each attribute of the
        content's own list of "attributes", or else of the ground truth's. A result without either has none; nor has
        any, with a warning, if the ground truth lists no attributes.
    """
    if isinstance(content, dict) and isinstance(content.get("annotations"), list) and isinstance(content.get("images"), list):
        fields_of(content["images"], ("id", "file_name"), name, "image")
        names = {image["id"]: str(image["file_name"]) for image in content["images"]}
        attributes, content = content.get("attributes"), content["annotations"]
    elif isinstance(content, list):
        names, attributes = {}, None
    else:
        raise ValueError(f"{name} holds no predictions. Expected a list of COCO results, or an object with images and annotations.")
    fields_of(content, ("image_id", "category_id", "segmentation", "score"), name, "result")
    for i, row in enumerate(content):
        if not all(isinstance(row[key], (int, str)) for key in ("image_id", "category_id")):
            raise ValueError(f"{name}, result number {i} (from 0), has the image_id {row['image_id']!r} and the category_id "
                             f"{row['category_id']!r}. Expected ids, whole numbers or names.")
    image_ids = photo_ids([names.get(row["image_id"], row["image_id"]) for row in content], ground_truth, name, names.values())
    content, described = _as_described(content, ground_truth, name), [f"{name}, result number {i} (from 0)," for i in range(len(content))]
    attribute_scores = _AttributeScores(ground_truth, attributes, name)
    size_of = {image["id"]: (image["height"], image["width"]) for image in ground_truth["images"]}
    found = []
    for row, image_id, where in zip(content, image_ids, described):
        if not isinstance(row["score"], (int, float)) or not math.isfinite(row["score"]):
            raise ValueError(f"{where} has the score {row['score']!r}. Expected a finite number.")
        _check_row(row, where)
        scores = attribute_scores(row["attribute_scores"], where) if row.get("attribute_scores") is not None else None
        found.append({"image_id": image_id, "category_id": row["category_id"], "score": float(row["score"]),
                      "segmentation": as_rle(row["segmentation"], size_of[image_id], where),
                      "attribute_ids": sorted({int(i) for i in row["attribute_ids"]}) if row.get("attribute_ids") is not None
                      else attribute_scores.ids_from(scores, attribute_threshold)})
        if scores is not None:
            found[-1]["attribute_scores"] = scores
        found[-1] |= {key: row[key] for key in ("bbox",) if key in row}
        if "mask_probabilities" in row:
            found[-1]["mask_probabilities"] = _mask_probabilities(row, where)
    check_known(found, ground_truth, name)
    return with_areas(found, described)


def _as_described(rows, ground_truth, name):
    """The same rows, without attributes if the ground truth lists none."""
    if ground_truth.get("attributes") or not any(row.get(key) for row in rows for key in ("attribute_ids", "attribute_scores")):
        return rows
    log.warning("The ground truth lists no attributes, so those of %s are left out.", name)
    return [{key: value for key, value in row.items() if key != "attribute_scores"} | {"attribute_ids": []} for row in rows]


def _check_row(row, where):
    """Refuses a row of wrong types. Scores and masks are checked where they are read."""
    box, ids = row.get("bbox", (0, 0, 0, 0)), row.get("attribute_ids")
    if not isinstance(box, (list, tuple)) or len(box) != 4 or not all(_is_number(edge) for edge in box):
        raise ValueError(f"{where} has the bbox {box!r}. Expected four numbers, x, y, width and height.")
    if ids is not None and not (isinstance(ids, (list, tuple)) and all(_is_number(i) for i in ids)):
        raise ValueError(f"{where} has the attribute_ids {ids!r}. Expected a list of ids.")


def _is_number(value):
    return isinstance(value, (int, float)) and math.isfinite(value)


class _AttributeScores:
    """Stored scores of attributes -> (T,) float32 in the order of the ground truth's attributes; 0 for those that were not stored."""

    def __init__(self, ground_truth, stored, name):
        self.ids = [row["id"] for row in ground_truth.get("attributes", ())]
        self.place_of, self.name = {i: place for place, i in enumerate(self.ids)}, name
        self.stored = self.ids if stored is None else [row["id"] for row in stored]

    def __call__(self, scores, where):
        values = scores.values() if isinstance(scores, dict) else scores
        if not isinstance(scores, (dict, list, tuple)) or not all(_is_number(value) for value in values):
            raise ValueError(f"{where} has attribute_scores that are no numbers: {str(scores)[:60]}. Expected a list of scores, or an "
                             "object {attribute id: score}.")
        if isinstance(scores, dict):
            pairs = {int(i): score for i, score in scores.items()}
        elif len(scores) == len(self.stored):
            pairs = dict(zip(self.stored, scores))
        else:
            raise ValueError(f"{where} has {len(scores)} attribute_scores, but the list of attributes has {len(self.stored)}. Expected one "
                             "score for each, in its order, or an object {attribute id: score}.")
        unknown = sorted(pairs.keys() - self.place_of.keys())
        if unknown:
            refuse_unknown(unknown, self.name, "attribute", len(self.ids))
        known = np.zeros(len(self.ids), np.float32)
        known[[self.place_of[i] for i in pairs]] = list(pairs.values())
        return known

    def ids_from(self, scores, threshold):
        """The attributes that score the threshold or more, ascending; none where there are no scores."""
        return [] if scores is None else sorted(self.ids[i] for i in np.flatnonzero(scores >= np.float32(threshold)))


def _mask_probabilities(row, where):
    if "bbox" not in row:
        raise ValueError(f"{where} has mask_probabilities but no bbox, the box that they fill.")
    try:
        return unpacked_mask(row["mask_probabilities"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where} has mask_probabilities that cannot be read ({error!r}). Expected size and data as base64.") from error


# Submissions

def read_submission(path, ground_truth, table):
    """The masks of a submission, each resized from its frame (`table.frame_hw`) to its photo; see `read_detections`.

    A row without a mask, or the one that stands for a photo without detections (`table.nothing_row`), is no detection. A submission
    has no scores: all are 1, and measures that go by score go by the order of the rows. Wrong rows raise a ValueError.
    """
    path = Path(path)
    with open(path, "rb", buffering=1 << 20) as file:
        header = tuple(file.readline().decode("utf-8-sig", errors="replace").strip().replace('"', "").split(","))
        year = next((year for year in table.COLUMNS if table.columns(year) == header), None)
        if year is None:
            expected = " or ".join(f"{','.join(table.columns(year))} ({year})" for year in table.COLUMNS)
            raise ValueError(f"{path.name} has the columns {','.join(header)[:200]!r}. Expected a submission: {expected}.")
        tails = {}
        rows = [row for row in (_split(line, number, header, path.name, tails) for number, line in enumerate(file, 2)) if row]
    image_ids = photo_ids([row[1] for row in rows], ground_truth, path.name)
    parse = _ClassIds(year, path.name)
    classes = [parse(*row[3:], row[0]) for row in rows]
    nothing = tuple(table.nothing_row("", year)[1:])
    some = [i for i, row in enumerate(rows) if row[2] and (row[2].decode(errors="replace"), *row[3:]) != nothing]
    sizes = {image["id"]: (image["height"], image["width"]) for image in ground_truth["images"]}
    frames = {image_id: table.frame_hw(sizes[image_id], year) for image_id in set(image_ids)}
    places, wrong = coco_objects([rows[i][2] for i in some], [frames[image_ids[i]] for i in some], [sizes[image_ids[i]] for i in some])
    if wrong:
        first = some[min(wrong)]
        height, width = frames[image_ids[first]]
        raise ValueError(f"{path.name} has {len(wrong)} rows with wrong run lengths, the first in line {rows[first][0]}: "
                         f"{wrong[min(wrong)]}. The masks of a submission of {year} have a frame of their own, here {height}x{width}.")
    found = [{"image_id": image_ids[i], "category_id": classes[i][0], "score": 1.0, "segmentation": place["segmentation"],
              "area": place["area"], "attribute_ids": list(classes[i][1])} for i, place in zip(some, places)]
    found = _as_described(found, ground_truth, path.name)
    check_known(found, ground_truth, path.name)
    return found


def _split(line, number, header, name, tails):
    """One line (bytes) -> (its number, ImageId, run lengths (bytes), ClassId, …), or None for an empty one.

    tails: what follows the run lengths -> its fields; filled here, for the same few thousand occur again and again
    """
    if line.isspace():
        return None
    pieces = line.split(b",", 2)   # cutting at commas is many times faster than csv.reader is on thousands of digits
    fields = [pieces[0].decode(errors="replace").strip().strip('"')]
    if len(pieces) == 3:
        if pieces[2] not in tails:
            tails[pieces[2]] = next(csv.reader([pieces[2].decode(errors="replace").rstrip("\r\n")]))
        fields += [pieces[1].strip().strip(b'"'), *tails[pieces[2]]]
    if len(fields) != len(header):
        raise ValueError(f"{name}, line {number}: {len(header)} values expected ({','.join(header)}), but there are "
                         f"{max(len(fields), len(pieces))}.")
    return number, *fields


class _ClassIds:
    """ClassId and AttributesIds of a submission -> (category id, ascending attribute ids)."""

    def __init__(self, year, name):
        self.year, self.name, self.known = year, name, {}

    def __call__(self, class_text, *rest):
        *attribute_text, line = rest
        key = (class_text, *attribute_text)
        if key not in self.known:
            if self.year == 2019:
                category, *attributes = class_text.split("_")
            else:
                category, attributes = class_text, attribute_text[0].split(",") if attribute_text[0].strip() else []
            texts = [text.strip() for text in (category, *attributes)]
            wrong = [text for text in texts if not (text.isascii() and text.isdigit())]
            if wrong:
                raise ValueError(f"{self.name}, line {line}: {wrong[0][:40]!r} is no category or attribute id. Expected whole numbers, "
                                 f"joined by {'_ in ClassId' if self.year == 2019 else 'commas in AttributesIds'}.")
            self.known[key] = int(texts[0]), tuple(sorted({int(text) for text in texts[1:]}))
        return self.known[key]
