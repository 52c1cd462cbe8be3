"""Writer: a submission that grows image by image and gets its name once it is valid."""

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from fashion.formats.submission_table import columns, frame_hw, nothing_row, row
from fashion.labels.ontology import Ontology
from fashion.submission import MIN_SHARE
from fashion.submission.checker import check
from fashion.submission.partial_file import PartialFile, digest
from fashion.submission.resolve import resolve
from mrcnn.typing import PathLike, Size

logger = logging.getLogger(__name__)


class SubmissionError(ValueError):
    """A finished file that the server would refuse.

    Args:
        path: The file.
        problems: What is wrong with it.

    Attributes:
        problems: What is wrong with it.
    """

    def __init__(self, path: PathLike, problems: Sequence[str]) -> None:
        self.problems = problems
        super().__init__(
            f"The submission is not valid, so it keeps the name {path}. "
            f"{len(problems)} problems:\n  " + "\n  ".join(problems)
        )


class SubmissionWriter:
    """Writes `PATH.partial` image by image; `finish` checks it and renames it to PATH.

    A partial file of the same settings and images is continued, except for its last image, which
    may have been cut off. One of other settings is refused and left untouched.

    Args:
        path: The submission.
        images: (height, width) of every image of the test set, by ImageId as the server spells it.
        year: 2019 or 2020.
        ontology: Of the model. Its labels get the ids of the year's official list, by name;
            attributes that the list lacks are left out.
        settings: What else decides the result (weights, thresholds ...), as JSON.
        threshold: See `resolve`.
        min_area: See `resolve`.
        min_share: See `resolve`.
        restart: Starts again even if there is a partial file.

    Raises:
        ValueError: If the model knows other categories, ImageIds are spelled for the other year,
            or there is a partial file of other settings.
    """

    def __init__(
        self,
        path: PathLike,
        images: Mapping[str, Size],
        year: int,
        ontology: Ontology,
        *,
        settings: Mapping[str, Any] | None = None,
        threshold: float = 0.5,
        min_area: int = 1,
        min_share: float = MIN_SHARE,
        restart: bool = False,
    ) -> None:
        self.images = {name: (int(height), int(width)) for name, (height, width) in images.items()}
        self.year = year
        self.ontology = ontology
        self._official = Ontology.official(year)
        self._category_ids, self._attribute_ids = _ids_in_contest(ontology, self._official, year)
        self._resolving: dict[str, Any] = {
            "threshold": threshold,
            "min_area": min_area,
            "min_share": min_share,
        }
        _check_image_ids(self.images, year)
        # Whatever changes the rows: a partial file may only be continued if all of it is equal.
        ours = {
            "year": year,
            **self._resolving,
            "number of images": len(self.images),
            "images": digest(sorted(self.images.items())),
            "ontology": digest(ontology.to_dict()),
        }
        settings = settings or {}
        if repeated := sorted(ours.keys() & settings.keys()):
            raise ValueError(
                f"settings must not repeat what the writer notes itself ({', '.join(ours)}); "
                f"leave out {', '.join(repeated)}."
            )
        self._rows_added = self._rows_with_attributes = 0
        self._partial = PartialFile(
            path, columns(year), {**ours, **settings}, self.images, restart=restart
        )

    def __enter__(self) -> "SubmissionWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the partial file; it can be continued later."""
        self._partial.close()

    @property
    def done(self) -> set[str]:
        """The ImageIds that have their rows."""
        return self._partial.done

    @property
    def remaining(self) -> list[str]:
        """The ImageIds still to be added, in the order of `images`."""
        return [image_id for image_id in self.images if image_id not in self.done]

    def add(self, image_id: str, result: Mapping[str, Any]) -> None:
        """Writes all rows of one image.

        Args:
            image_id: One of `remaining`.
            result: "boxes" `(N, 4)` yxyx, pixels of the original image; "class_ids" `(N,)`;
                "scores" `(N,)`; "mask_probabilities" `(N, h, w)`, each filling its box;
                "image_hw". Perhaps "attributes", N lists of real ids, and "mask_thresholds"
                `(N,)`, which replace the writer's `threshold`.

        Raises:
            ValueError: If the image is unknown, of another size, or has its rows already.
        """
        if image_id not in self.images:
            raise ValueError(
                f"{image_id!r} is not one of the {len(self.images)} images of this submission."
            )
        if image_id in self.done:
            raise ValueError(
                f"{image_id!r} has its rows already; add the images in `remaining` only."
            )
        height, width = (int(edge) for edge in result["image_hw"])
        if (height, width) != self.images[image_id]:
            raise ValueError(
                f"{image_id!r} is {self.images[image_id]} (height, width) among the images, but "
                f"its result is of a photo of {(height, width)}: its boxes would not fit the frame."
            )
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            self._rows(image_id, result, (height, width))
        )
        self._partial.add(image_id, text.getvalue())

    def add_nothing(self, image_id: str) -> None:
        """Writes the row of an image without detections, or that cannot be read.

        Args:
            image_id: One of `remaining`.
        """
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

    def finish(self) -> Path:
        """Checks the file and renames it.

        Returns:
            The finished file.

        Raises:
            SubmissionError: If the server would refuse the file; it keeps its name.
        """
        self._partial.flush()
        problems = check(self._partial.path, self.images, self.year, self._official)
        if problems:
            raise SubmissionError(self._partial.path, problems)
        return self._partial.finish()

    def why_no_attributes(self) -> str:
        """Says why no object that was added has attributes.

        Returns:
            A sentence; "" where some have, or no object was added.
        """
        if self._rows_with_attributes or not self._rows_added:
            return ""
        if not self.ontology.num_attributes:
            return "No object has attributes: the model has none."
        if not self._attribute_ids:
            return (
                "No object has attributes: none of the model's attributes is in the list of "
                f"{self.year}."
            )
        return "No object has attributes: no attribute reached its least score."

    def _rows(self, image_id: str, result: Mapping[str, Any], image_hw: Size) -> list[tuple]:
        categories = [
            self._category_ids[self.ontology.category_id_of(int(class_id))]
            for class_id in result["class_ids"]
        ]
        resolving = dict(self._resolving)
        resolving["threshold"] = result.get("mask_thresholds", resolving["threshold"])
        resolved = resolve(
            result["mask_probabilities"],
            result["boxes"],
            categories,
            result["scores"],
            image_hw=image_hw,
            frame_hw=frame_hw(image_hw, self.year),
            **resolving,
        )
        known = self._attribute_ids
        rows = []
        for i, runs in resolved:
            ids = (result.get("attributes") or [()] * len(categories))[i]
            attributes = [known[attribute] for attribute in ids if attribute in known]
            rows.append(row(image_id, runs, categories[i], attributes, self.year))
            self._rows_with_attributes += bool(attributes)
        self._rows_added += len(rows)
        # The server wants every image of the test set, also those without detections.
        return rows or [nothing_row(image_id, self.year)]


def _ids_in_contest(
    ontology: Ontology, official: Ontology, year: int
) -> tuple[dict[int, int], dict[int, int]]:
    """The contest's ids of a model's categories, which must all exist, and of its attributes."""
    category_ids, attribute_ids = ontology.ids_in(official)
    attributes = zip(ontology.attribute_ids, ontology.attribute_names)
    lost = [name for i, name in attributes if i not in attribute_ids]
    if lost:
        logger.warning(
            "%d of the model's %d attributes are not in the list of %d and are left out: %s%s.",
            len(lost),
            ontology.num_attributes,
            year,
            ", ".join(lost[:5]),
            " …" if len(lost) > 5 else "",
        )
    categories = zip(ontology.category_ids, ontology.category_names, strict=True)
    foreign = [name for i, name in categories if i not in category_ids]
    if foreign:
        raise ValueError(
            f"The model knows categories that the contest of {year} does not: "
            f"{', '.join(foreign[:5])}. A submission needs a model that was trained on the "
            "contest's categories."
        )
    return category_ids, attribute_ids


def _check_image_ids(images: Mapping[str, Size], year: int) -> None:
    columns(year)  # refuses other years
    # The first name stands for all: the names of one folder have one form.
    first = next(iter(images), "x.jpg" if year == 2019 else "x")
    if (Path(first).suffix.lower() in (".jpg", ".jpeg", ".png")) != (year == 2019):
        wanted = (
            "with its extension, as '0a1b….jpg'"
            if year == 2019
            else "without extension, as '0a1b…'"
        )
        raise ValueError(
            f"In a submission of {year} an ImageId is written {wanted}. Got {first!r}."
        )
