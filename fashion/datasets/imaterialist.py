"""iMaterialist: an annotation CSV and a folder of images as a dataset of masks and attributes.

The file is read and checked once, before anything else; a mask is decoded when it is asked for.
"""

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.datasets.image_files import find_images, image_faults
from fashion.formats import rle
from fashion.formats.annotation_csv import read_annotations
from fashion.formats.annotations import Annotations
from fashion.formats.bad_rows import BadRow, BadRows
from fashion.labels.ontology import Ontology
from mrcnn.data.annotated_images import read_annotated
from mrcnn.data.dataset import Dataset
from mrcnn.data.masks.rle import RLEMasks
from mrcnn.typing import Array, PathLike, Size

log = logging.getLogger(__name__)

SOURCE = "imaterialist"


class IMaterialistDataset(Dataset):
    """Images with Kaggle's masks. An entry of `image_info` has id (the ImageId), path and size.

    Args:
        annotations: The rows of the CSV.
        paths: The file of each image.
        ontology: The labels.
        bad_rows: Rows that were left out.

    Attributes:
        annotations: The rows of the CSV.
        ontology: The labels.
        year: 2019 or 2020.
        bad_rows: Rows that were left out.
        kept_for_test: Of validation images, ImageIds of those that the split kept for a test.
    """

    def __init__(
        self,
        annotations: Annotations,
        paths: Iterable[PathLike],
        ontology: Ontology,
        bad_rows: Iterable[BadRow] = (),
    ) -> None:
        super().__init__()
        self.annotations, self.ontology, self.year = annotations, ontology, annotations.year
        self.bad_rows = list(bad_rows)
        self.kept_for_test: list[str] = []
        for category_id, name in zip(ontology.category_ids, ontology.category_names):
            self.add_class(SOURCE, category_id, name)
        self.image_info = _infos(annotations, map(str, paths))
        self.prepare()

    # A pickle for another process has kilobytes, unless somebody has changed image_info: paths are
    # an ImageId between one of a few pairs of folder and extension.

    def __getstate__(self) -> dict[str, Any]:
        state, ids = dict(vars(self)), self.annotations.image_ids
        around = [
            str(info.get("path")).rpartition(image_id)[::2]
            for image_id, info in zip(ids, self.image_info)
        ]
        paths = (image_id.join(ends) for image_id, ends in zip(ids, around))
        if self.image_info == _infos(self.annotations, paths):
            kinds = {ends: k for k, ends in enumerate(dict.fromkeys(around))}
            of_image = np.array([kinds[ends] for ends in around], np.min_scalar_type(len(kinds)))
            state["image_info"] = list(kinds), of_image
            del state["image_from_source_map"], state["_image_ids"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if isinstance(self.image_info, tuple):
            kinds, of_image = self.image_info
            ids = self.annotations.image_ids
            paths = (image_id.join(kinds[k]) for image_id, k in zip(ids, of_image.tolist()))
            self.image_info = _infos(self.annotations, paths)
            self.image_from_source_map = {
                f"{SOURCE}.{image_id}": i for i, image_id in enumerate(ids)
            }
            self._image_ids = np.arange(len(ids))

    def image_reference(self, image_id: int) -> str:
        """Names an image.

        Args:
            image_id: Its number in this dataset.

        Returns:
            Its ImageId.
        """
        return self.image_info[image_id]["id"]

    def image_hw(self, image_id: int) -> Size:
        """Returns the size of an image, from the CSV.

        Args:
            image_id: Its number in this dataset.

        Returns:
            (height, width), pixels.
        """
        info = self.image_info[image_id]
        return info["height"], info["width"]

    def read_photo(self, image_id: int, at_least_hw: Size | None = None) -> Array:
        """Reads an image; see `Dataset.read_photo`.

        Args:
            image_id: Its number in this dataset.
            at_least_hw: A JPEG may be decoded at a fraction of its size, but not below this.

        Returns:
            `(H, W, 3)` uint8, RGB.

        Raises:
            OSError: If it cannot be read.
            ValueError: If its size, as stored or turned by EXIF, is not that of the CSV: no mask
                would fit.
        """
        path = self.image_info[image_id]["path"]
        return read_annotated(path, self.image_hw(image_id), at_least_hw)

    def image_class_ids(self, image_id: int) -> Array:
        """Returns the classes of the objects of an image, without decoding a mask.

        Args:
            image_id: Its number in this dataset.

        Returns:
            `(N,)` int32, 1..K; negative for crowds, which come last.
        """
        class_ids = self.annotations.class_ids[self._slice(image_id)]
        crowds, rows = self._crowds(image_id)
        if not rows:
            return class_ids
        of_crowds = crowds.class_ids[rows.start : rows.stop]
        return np.concatenate([class_ids, -of_crowds]).astype(np.int32)

    @property
    def labels_all_classes(self) -> bool:
        """Whether every class was looked for in every image."""
        return self.annotations.active is None and super().labels_all_classes

    def active_class_ids(self, image_id: int) -> Array:
        """Returns which classes were looked for in an image.

        Args:
            image_id: Its number in this dataset.

        Returns:
            `(K + 1,)` int32: 1 for these and the background, else 0.
        """
        if self.annotations.active is None:
            return super().active_class_ids(image_id)
        return self.annotations.active[image_id].astype(np.int32)

    def runs(self, image_id: int) -> list[str]:
        """Returns the masks of an image as texts.

        Args:
            image_id: Its number in this dataset.

        Returns:
            Kaggle run lengths of N masks, without those of crowds.
        """
        return self.annotations.runs_of(self.annotations.rows_of(image_id))

    def load_runs(self, image_id: int) -> RLEMasks:
        """Returns the masks of an image as runs.

        Args:
            image_id: Its number in this dataset.

        Returns:
            N masks, in the order of the CSV's rows; those of crowds come last.
        """
        size_hw = self.image_hw(image_id)
        runs = self.annotations.parsed_runs(image_id)
        crowds, rows = self._crowds(image_id)
        if not rows:
            return RLEMasks(size_hw, *runs)
        more = crowds.parsed_runs(image_id)
        return RLEMasks(size_hw, *(np.concatenate(pair) for pair in zip(runs, more)))

    def load_objects(self, image_id: int) -> tuple[Any, Array, dict[str, Array]]:
        """Loads all columns of an image; see `Dataset.load_objects`.

        Args:
            image_id: Its number in this dataset.

        Returns:
            The masks, `RLEMasks` unless `load_mask` was overridden; class ids; instance fields.
        """
        if type(self).load_mask is not IMaterialistDataset.load_mask:
            return super().load_objects(image_id)
        return (
            self.load_runs(image_id),
            self.image_class_ids(image_id).copy(),
            self.load_instance_fields(image_id),
        )

    def load_mask(self, image_id: int) -> tuple[Array, Array]:
        """Decodes the masks of an image.

        Args:
            image_id: Its number in this dataset.

        Returns:
            masks: `(H, W, N)` bool, in the order of the CSV's rows.
            class_ids: `(N,)` int32.
        """
        size_hw = self.image_hw(image_id)
        if self.annotations.masks is not None:
            return self.load_runs(image_id).dense(), self.image_class_ids(image_id).copy()
        # Columns first, like the runs: the masks are copied once and never transposed.
        texts = self.runs(image_id)
        masks = np.empty((len(texts), *size_hw[::-1]), bool)
        for mask, runs in zip(masks, texts):
            mask[:] = rle.decode(runs, size_hw).T
        return masks.transpose(2, 1, 0), self.image_class_ids(image_id).copy()

    def load_instance_fields(self, image_id: int) -> dict[str, Array]:
        """Returns the attributes of the objects of an image.

        Args:
            image_id: Its number in this dataset.

        Returns:
            `{"gt_attributes": (N, T) float32}`, 1 where an attribute is present.
        """
        rows = self.annotations.rows_of(image_id)
        number = len(rows) + len(self._crowds(image_id)[1])
        hot = np.zeros((number, self.ontology.num_attributes), np.float32)
        for n, row in enumerate(rows):
            hot[n, self.attribute_indices(row)] = 1
        return {"gt_attributes": hot}

    def to_coco(self, image_ids: Iterable[int] | None = None) -> dict[str, Any]:
        """Converts to ground truth as pycocotools and the Fashionpedia API read it.

        Args:
            image_ids: Numbers of images in this dataset; None takes all.

        Returns:
            JSON. The "id" of an image is its number here and its "file_name" that of the file.
            Category and attribute ids are the real ones. Annotation ids start at 1, because
            evaluators take 0 for "unmatched".
        """
        image_ids = self.image_ids if image_ids is None else image_ids
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for image_id in map(int, image_ids):
            height, width = self.image_hw(image_id)
            name = self._file_name(image_id)
            images.append({"id": image_id, "file_name": name, "height": height, "width": width})
            for row in self._coco_annotations(image_id):
                annotations.append({"id": len(annotations) + 1, "image_id": image_id, **row})
        origin = self.annotations.csv_path.name
        if self.annotations.masks is None:
            origin += f", iMaterialist layout of {self.year}"
        return {
            "info": {"description": origin},
            "images": images,
            "annotations": annotations,
            **self.ontology.to_coco(),
        }

    def _coco_annotations(self, image_id: int) -> Iterator[dict[str, Any]]:
        """Objects of an image, then its crowds, without their ids."""
        size_hw = self.image_hw(image_id)
        rows = self.annotations.rows_of(image_id)
        for row, runs in zip(rows, self.annotations.runs_of(rows)):
            yield {"iscrowd": 0, **self._coco_object(row, runs, size_hw)}
        crowds, rows = self._crowds(image_id)
        for row, runs in zip(rows, crowds.runs_of(rows)):
            class_id = int(crowds.class_ids[row])
            yield {
                "iscrowd": 1,
                "category_id": self.ontology.category_id_of(class_id),
                "attribute_ids": [],
                **_coco_mask(runs, size_hw),
            }

    def attribute_counts(self) -> Array:
        """Counts objects, and objects with each attribute, by category.

        Returns:
            `(K, 1 + T)` int64, categories in the ontology's order; the first column counts all
            objects.
        """
        a, k = self.annotations, self.ontology.num_classes - 1
        width = 1 + self.ontology.num_attributes
        category = a.class_ids.astype(np.int64) - 1
        owner = np.repeat(category, np.diff(a.first_attribute))
        cells = np.concatenate([category * width, owner * width + 1 + a.attributes])
        return np.bincount(cells, minlength=k * width).reshape(k, width)

    def subset(self, image_ids: Collection[str]) -> "IMaterialistDataset":
        """Selects images.

        Args:
            image_ids: ImageIds, as in the CSV.

        Returns:
            A dataset of these images, in this dataset's order.

        Raises:
            ValueError: If one is not in this dataset.
        """
        wanted = set(image_ids)
        missing = sorted(wanted.difference(self.annotations.image_ids))
        if missing:
            raise ValueError(
                f"{len(missing)} of the images asked for are not in this dataset, among them "
                f"{', '.join(missing[:5])}. Expected values of image_info[i]['id']."
            )
        keep = np.array([name in wanted for name in self.annotations.image_ids], bool)
        paths = [info["path"] for info, kept in zip(self.image_info, keep) if kept]
        bad = [row for row in self.bad_rows if row.image_id in wanted]
        return IMaterialistDataset(self.annotations.of_images(keep), paths, self.ontology, bad)

    def _slice(self, image_id: int) -> slice:
        rows = self.annotations.rows_of(image_id)
        return slice(rows.start, rows.stop)

    def attribute_indices(self, row: int) -> Array:
        """Returns the attributes of an object.

        Args:
            row: Its row in `annotations`.

        Returns:
            `(n,)` int32, dense indices.
        """
        first = self.annotations.first_attribute
        return self.annotations.attributes[first[row] : first[row + 1]]

    def _crowds(self, image_id: int) -> tuple[Annotations, range]:
        """Crowds, and the rows of an image among them; no row in nearly every data set."""
        crowds = self.annotations.crowds
        return (
            (self.annotations, range(0)) if crowds is None else (crowds, crowds.rows_of(image_id))
        )

    def _file_name(self, image_id: int) -> str:
        """The name of a file as its annotations spell it; a CSV leaves the extension out."""
        info = self.image_info[image_id]
        return Path(info["path"]).name if self.annotations.masks is None else info["id"]

    def _coco_object(self, row: int, runs: str, size_hw: Size) -> dict[str, Any]:
        return {
            "category_id": self.ontology.category_id_of(int(self.annotations.class_ids[row])),
            "attribute_ids": sorted(
                self.ontology.attribute_ids[i] for i in self.attribute_indices(row)
            ),
            **_coco_mask(runs, size_hw),
        }


def _coco_mask(runs: str, size_hw: Size) -> dict[str, Any]:
    """Box, area and mask of a COCO annotation."""
    y1, x1, y2, x2 = map(float, rle.box_of_runs(runs, size_hw))
    return {
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": rle.area(runs),
        "segmentation": rle.to_coco(runs, size_hw),
    }


def load_imaterialist(
    csv_path: PathLike,
    images_dir: PathLike | Sequence[PathLike],
    ontology: Ontology,
    *,
    skip_bad: bool = False,
    image_ids: Iterable[str] | None = None,
    check_images: bool = True,
    attribute_categories: Iterable[int] | None = None,
) -> IMaterialistDataset:
    """Reads a CSV of 2019 or 2020 and finds its images.

    Args:
        csv_path: The annotation CSV.
        images_dir: The folder of the images, or several.
        ontology: The labels.
        skip_bad: Leaves out rows that cannot be used, with a warning, instead of raising.
        image_ids: Loads only these images, by ImageId; None loads all.
        check_images: Compares Height and Width with every file's header, and looks for its end.
            Takes some seconds for 45,000 images, the first time. Without it a broken image is
            found when it is loaded.
        attribute_categories: Real ids of the categories whose attributes are kept; None keeps all.
            In 2019 attributes of other categories than 0..12 are annotation errors, see
            `Ontology.attribute_category_ids`.

    Returns:
        The prepared dataset.

    Raises:
        BadRows: If rows cannot be used, all of which it names.
        ValueError: If the header is wrong or no rows are left.
        FileNotFoundError: If a folder, or every image, is missing.
    """
    annotations, bad = read_annotations(
        csv_path, ontology, image_ids=image_ids, attribute_categories=attribute_categories
    )
    folders = [images_dir] if isinstance(images_dir, (str, os.PathLike)) else list(images_dir)
    files = find_images(annotations.image_ids, folders)
    if files and not any(files):
        raise FileNotFoundError(
            f"None of the {len(files)} images of {csv_path} is in "
            f"{', '.join(map(str, folders))}; the first would be {annotations.image_ids[0]}. Is "
            "this the folder of the photos?"
        )
    return dataset_of(annotations, files, ontology, bad, skip_bad, check_images)


def dataset_of(
    annotations: Annotations,
    files: Sequence[os.DirEntry[str] | None],
    ontology: Ontology,
    bad: Sequence[BadRow],
    skip_bad: bool,
    check_images: bool,
) -> IMaterialistDataset:
    """Joins annotations and the files of their images.

    Args:
        annotations: The annotations.
        files: The file of each image, or None.
        ontology: The labels.
        bad: Annotations that cannot be used.
        skip_bad: See `load_imaterialist`.
        check_images: See `load_imaterialist`.

    Returns:
        The data set.

    Raises:
        BadRows: If annotations cannot be used.
        ValueError: If nothing is left.
    """
    csv_path = annotations.csv_path
    annotations, paths, more = _with_images(annotations, files, check_images)
    bad = sorted([*bad, *more], key=lambda row: row.line)
    if bad and not skip_bad:
        raise BadRows(csv_path, bad)
    if not annotations.image_ids:
        raise _nothing_left(csv_path, bad)
    if bad:
        listed = str(BadRows(csv_path, bad)).rpartition("\n")[0]
        rows, images = len(annotations.line), len(annotations.image_ids)
        log.warning("%s\nContinuing without them: %s rows of %s images.", listed, rows, images)
    return IMaterialistDataset(annotations, paths, ontology, bad)


def _nothing_left(csv_path: PathLike, bad: Sequence[BadRow]) -> ValueError:
    if not bad:
        return ValueError(f"{csv_path} has no rows. Is the file complete?")
    return ValueError(
        f"{csv_path} has no rows that can be used (wrong ones: {len(bad):,}); {bad[0]}. Are "
        "these the photos that the file was made for, in their size?"
    )


def _with_images(
    annotations: Annotations, files: Sequence[os.DirEntry[str] | None], check: bool
) -> tuple[Annotations, list[str], list[BadRow]]:
    """The annotations of images whose files are usable, their paths, and the rows of the others."""
    ids = annotations.image_ids
    faults = image_faults(files, annotations.image_hw.tolist(), check)
    bad = []
    for image, fault in enumerate(faults):
        if fault:
            bad += [
                BadRow(line, ids[image], fault, annotations.unit)
                for line in annotations.lines_of(image)
            ]
    paths = [file.path for file, fault in zip(files, faults) if file is not None and not fault]
    return annotations.of_images([fault is None for fault in faults]), paths, bad


def _infos(annotations: Annotations, paths: Iterable[str]) -> list[dict[str, Any]]:
    """`image_info` of the images."""
    return [
        {"id": image_id, "source": SOURCE, "path": path, "height": height, "width": width}
        for image_id, path, (height, width) in zip(
            annotations.image_ids, paths, annotations.image_hw.tolist()
        )
    ]
