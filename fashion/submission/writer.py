"""Writing: a submission that grows photo by photo, survives a crash, and is named only when it is right."""

import csv
import hashlib
import io
import json
import logging
import os
from pathlib import Path

import numpy as np

from fashion.formats.submission_table import columns, frame_hw, nothing_row, row
from fashion.labels.ontology import Ontology
from fashion.submission.checker import check
from fashion.submission.resolve import MIN_SHARE, resolve
from mrcnn.files import appending, long_cells

logger = logging.getLogger(__name__)


class SubmissionError(ValueError):
    """A finished file that the server would refuse; `problems` lists why."""

    def __init__(self, path, problems):
        self.problems = problems
        super().__init__(
            f"The submission is not right, so it keeps the name {path}. "
            f"{len(problems)} problems:\n  " + "\n  ".join(problems)
        )


class SubmissionWriter:
    """Writes PATH.partial image by image; `finish` checks it and renames it to PATH.

    path: of the submission; images: {ImageId as the server wants it: (height, width) of the photo}, all of
        the test set
    year: 2019 or 2020; ontology: of the model, whose categories and attributes are written with the ids that they
        have in the official list of the year, by name; attributes that are not in it are left out
    settings: whatever else decides the result (weights, thresholds …), a dict that JSON can hold
    threshold, min_area, min_share: as in `resolve`
    restart: begin anew even if there is a partial file

    A partial file of the same settings and images is continued: `done` holds the photos that it has. Its last
    photo may have been cut off, so that one is dropped and has to be done again. Of other settings: refused,
    untouched.
    """

    def __init__(
        self,
        path,
        images,
        year,
        ontology,
        *,
        settings=None,
        threshold=0.5,
        min_area=1,
        min_share=MIN_SHARE,
        restart=False,
    ):
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        self.sidecar = self.path.with_name(self.path.name + ".partial.json")
        self.images = {
            image_id: (int(height), int(width)) for image_id, (height, width) in images.items()
        }
        self.year, self.ontology, self.threshold, self.min_area = (
            year,
            ontology,
            threshold,
            min_area,
        )
        self.min_share = min_share
        self.official = Ontology.official(year)
        self._category_ids, self._attribute_ids = ontology.ids_in(self.official)
        lost = [
            name
            for i, name in zip(ontology.attribute_ids, ontology.attribute_names)
            if i not in self._attribute_ids
        ]
        if lost:
            logger.warning(
                "%d of the model's %d attributes are not in the list of %d and are left out: %s%s.",
                len(lost),
                ontology.num_attributes,
                year,
                ", ".join(lost[:5]),
                " …" if len(lost) > 5 else "",
            )
        foreign = [
            n
            for i, n in zip(ontology.category_ids, ontology.category_names, strict=True)
            if i not in self._category_ids
        ]
        if foreign:
            raise ValueError(
                f"The model knows categories that the contest of {year} does not: {', '.join(foreign[:5])}. A submission "
                "needs a model that was trained on the contest's categories."
            )
        self.done = set()
        _check_image_ids(self.images, year)
        ours = {
            "year": year,
            "threshold": threshold,
            "min_area": min_area,
            "min_share": min_share,
            "number of images": len(self.images),
            "images": _digest(sorted(self.images.items())),
            "ontology": _digest(ontology.to_dict()),
        }
        if ours.keys() & (settings or {}).keys():
            raise ValueError(
                f"settings must not repeat what the writer notes itself ({', '.join(ours)}); "
                f"leave out {', '.join(sorted(ours.keys() & settings.keys()))}."
            )
        self._settings = json.loads(
            json.dumps(ours | (settings or {}))
        )  # as they will be read back

        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.partial.exists() and not restart:
            self._refuse_other_settings()
            self._resume()
        else:
            self._begin()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Closes the partial file; it can be continued later."""
        with appending(self.partial):
            self._file.close()

    @property
    def remaining(self):
        """The ImageIds still to be added, in the order of `images`."""
        return [image_id for image_id in self.images if image_id not in self.done]

    def add(self, image_id, result):
        """Writes all rows of one photo at once.

        result: of one photo: "boxes" (N, 4) yxyx, photo pixels; "class_ids" (N,); "scores" (N,);
            "mask_probabilities" (N, h, w), each filling its box; "image_hw"; "attributes": N lists of real
            ids (missing: none); "mask_thresholds" (N,) (missing: the writer's `threshold`)
        """
        if image_id not in self.images:
            raise ValueError(
                f"{image_id!r} is not one of the {len(self.images)} images of this submission."
            )
        if image_id in self.done:
            raise ValueError(
                f"{image_id!r} has its rows already; add the images in `remaining` only."
            )
        image_hw = tuple(int(edge) for edge in result["image_hw"])
        if image_hw != self.images[image_id]:
            raise ValueError(
                f"{image_id!r} is {self.images[image_id]} (height, width) among the images, but "
                f"its result is of a photo of {image_hw}: its boxes would not fit the frame."
            )
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(self._rows(image_id, result, image_hw))
        self._write(text.getvalue())
        self.done.add(image_id)

    def add_nothing(self, image_id):
        """Writes the row of a photo in which nothing was found, or that could not be read."""
        self.add(
            image_id,
            {
                "image_hw": self.images[image_id],
                "boxes": np.zeros((0, 4)),
                "class_ids": [],
                "scores": [],
                "mask_probabilities": np.zeros((0, 1, 1)),
            },
        )

    def finish(self):
        """Checks the file, renames it and returns its path. Faults raise SubmissionError instead."""
        self._file.flush()
        problems = check(self.partial, self.images, self.year, self.official)
        if problems:
            raise SubmissionError(self.partial, problems)
        self.close()
        os.replace(self.partial, self.path)
        self.sidecar.unlink(missing_ok=True)
        return self.path

    def _rows(self, image_id, result, image_hw):
        categories = [
            self._category_ids[self.ontology.category_id_of(int(class_id))]
            for class_id in result["class_ids"]
        ]
        attributes = [
            [self._attribute_ids[i] for i in ids if i in self._attribute_ids]
            for ids in result.get("attributes") or [()] * len(categories)
        ]
        resolved = resolve(
            result["mask_probabilities"],
            result["boxes"],
            categories,
            result["scores"],
            image_hw=image_hw,
            frame_hw=frame_hw(image_hw, self.year),
            threshold=result.get("mask_thresholds", self.threshold),
            min_area=self.min_area,
            min_share=self.min_share,
        )
        rows = [
            row(image_id, runs, categories[i], attributes[i], self.year) for i, runs in resolved
        ]
        return rows or [nothing_row(image_id, self.year)]

    def _write(self, text):
        with appending(self.partial):
            self._file.write(text.encode())
            self._file.flush()
            os.fsync(self._file.fileno())

    def _begin(self):
        with appending(self.partial):
            self._begin_anew()

    def _begin_anew(self):
        # The old partial goes before the new sidecar comes: a crash in between must not marry the two.
        self.partial.unlink(missing_ok=True)
        fresh = self.sidecar.with_name(self.sidecar.name + ".new")
        description = {"settings": self._settings, "hash": _digest(self._settings)}
        fresh.write_text(json.dumps(description, indent=1) + "\n")
        os.replace(fresh, self.sidecar)
        self._file = open(self.partial, "wb")
        self._write(",".join(columns(self.year)) + "\n")

    def _refuse_other_settings(self):
        advice = (
            f"Pass restart=True or delete {self.partial} to begin anew, or choose another path."
        )
        try:
            before = dict(json.loads(self.sidecar.read_text())["settings"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{self.partial} exists, but {self.sidecar.name}, which says what it was made "
                f"from, cannot be read ({error!r}). {advice}"
            ) from error
        different = sorted(
            key
            for key in before.keys() | self._settings.keys()
            if before.get(key) != self._settings.get(key)
        )
        if different:
            changes = "; ".join(
                f"{key}: {str(before.get(key))[:80]} there, "
                f"{str(self._settings.get(key))[:80]} here"
                for key in different
            )
            raise ValueError(
                f"{self.partial} was begun with other settings ({changes}), so its rows cannot "
                f"be continued. {advice}"
            )

    def _resume(self):
        """Finds the whole photos of the partial file and drops what follows: the last one, cut or not."""
        with long_cells(), open(self.partial, "rb") as file:
            if file.readline() != (",".join(columns(self.year)) + "\n").encode():
                file.close()
                self._begin()  # cut off within the header
                return
            kept, last = file.tell(), None
            while line := file.readline():
                image_id = _image_id_of(line)
                if image_id != last:
                    if last is not None:
                        self.done.add(last)
                    last, kept = image_id, file.tell() - len(line)
        unknown = self.done - self.images.keys()
        if unknown:
            raise ValueError(
                f"{self.partial} has rows of {sorted(unknown)[0]!r}, which is not an image of "
                "this submission: something else wrote to it. Pass restart=True to begin anew."
            )
        self._file = open(self.partial, "r+b")
        self._file.truncate(kept)
        self._file.seek(kept)


def _image_id_of(line):
    """The ImageId of a line of a partial file; "" for what is no CSV, which is no image of the submission."""
    try:
        return (next(csv.reader([line.decode(errors="replace").rstrip("\n")]), None) or [""])[0]
    except csv.Error:
        return ""


def _check_image_ids(images, year):
    columns(year)
    extension = Path(next(iter(images), "x.jpg" if year == 2019 else "x")).suffix.lower()
    if (extension in (".jpg", ".jpeg", ".png")) != (year == 2019):
        wanted = (
            "with its extension, as '0a1b….jpg'"
            if year == 2019
            else "without extension, as '0a1b…'"
        )
        raise ValueError(
            f"In a submission of {year} an ImageId is written {wanted}. Got {next(iter(images))!r}."
        )


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
