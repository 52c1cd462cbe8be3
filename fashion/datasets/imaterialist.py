"""iMaterialist: an annotation CSV and a folder of photos as a Dataset with masks, classes and attributes.

The file is read and checked whole before anything else happens, once; a mask is decoded when it is asked for.
"""

import logging
from pathlib import Path

import numpy as np

from fashion.datasets.image_files import find_images, image_faults
from fashion.formats import rle
from fashion.formats.annotation_csv import BadRow, BadRows, read_annotations
from fashion.formats.csv_table import printable
from mrcnn.data.annotated_images import read_annotated
from mrcnn.data.dataset import Dataset
from mrcnn.data.masks.rle import RLEMasks

log = logging.getLogger(__name__)

SOURCE = "imaterialist"


class IMaterialistDataset(Dataset):
    """Photos with Kaggle's masks. `.ontology`, `.year` (2019 or 2020), `.bad_rows` (rows that were left out).

    An entry of `image_info` has id (the CSV's ImageId), path, height and width.
    """

    def __init__(self, annotations, paths, ontology, bad_rows=()):
        super().__init__()
        self.annotations, self.ontology, self.year = annotations, ontology, annotations.year
        self.bad_rows = list(bad_rows)
        for category_id, name in zip(ontology.category_ids, ontology.category_names):
            self.add_class(SOURCE, category_id, name)
        self.image_info = _infos(annotations, map(str, paths))
        self.prepare()

    # Another process is sent what its memory does not share: kilobytes, unless somebody has changed image_info.

    def __getstate__(self):
        state, ids = dict(vars(self)), self.annotations.image_ids
        around = [
            str(info.get("path")).rpartition(image_id)[::2]
            for image_id, info in zip(ids, self.image_info)
        ]
        if self.image_info == _infos(
            self.annotations, (image_id.join(ends) for image_id, ends in zip(ids, around))
        ):
            kinds = {
                ends: k for k, ends in enumerate(dict.fromkeys(around))
            }  # (folder, ending): a few
            state["image_info"] = (
                list(kinds),
                np.array([kinds[ends] for ends in around], np.min_scalar_type(len(kinds))),
            )
            del state["image_from_source_map"], state["_image_ids"]
        return state

    def __setstate__(self, state):
        vars(self).update(state)
        if isinstance(self.image_info, tuple):
            kinds, of_image = self.image_info
            ids = self.annotations.image_ids
            self.image_info = _infos(
                self.annotations,
                (image_id.join(kinds[k]) for image_id, k in zip(ids, of_image.tolist())),
            )
            self.image_from_source_map = {
                f"{SOURCE}.{image_id}": i for i, image_id in enumerate(ids)
            }
            self._image_ids = np.arange(len(ids))

    def image_reference(self, image_id):
        return self.image_info[image_id]["id"]

    def image_hw(self, image_id):
        """(height, width) in pixels, from the CSV."""
        info = self.image_info[image_id]
        return info["height"], info["width"]

    def read_photo(self, image_id, at_least_hw=None):
        """See `Dataset.read_photo`. The photo's size must be the CSV's, or no mask fits: as it is
        stored, or as its EXIF data turn it."""
        return read_annotated(
            self.image_info[image_id]["path"], self.image_hw(image_id), at_least_hw
        )

    def image_class_ids(self, image_id):
        """(N,) int32, 1..K, without decoding a mask."""
        return self.annotations.class_ids[self._slice(image_id)]

    def runs(self, image_id):
        """The N masks of one image as Kaggle run lengths, a list of str."""
        return self.annotations.runs_of(self.annotations.rows_of(image_id))

    def load_runs(self, image_id):
        """The masks of one image as `mrcnn.data.masks.rle.RLEMasks`, in the order of the CSV's rows."""
        size_hw = self.image_hw(image_id)
        return RLEMasks(size_hw, *rle.parse_all(self.runs(image_id), size_hw))

    def load_objects(self, image_id):
        """See `Dataset.load_objects`; the masks are `RLEMasks`, unless `load_mask` was overridden."""
        if type(self).load_mask is not IMaterialistDataset.load_mask:
            return super().load_objects(image_id)
        return (
            self.load_runs(image_id),
            self.image_class_ids(image_id).copy(),
            self.load_instance_fields(image_id),
        )

    def load_mask(self, image_id):
        """masks (H, W, N) bool and class_ids (N,) int32, in the order of the CSV's rows."""
        size_hw = self.image_hw(image_id)
        # Columns first, as the runs have them: the masks are copied once and never turned over.
        texts = self.runs(image_id)
        masks = np.empty((len(texts), *size_hw[::-1]), bool)
        for mask, runs in zip(masks, texts):
            mask[:] = rle.decode(runs, size_hw).T
        return masks.transpose(2, 1, 0), self.image_class_ids(image_id).copy()

    def load_instance_fields(self, image_id):
        """{"gt_attributes": (N, T) float32}, 1 where an attribute is present."""
        rows = self.annotations.rows_of(image_id)
        hot = np.zeros((len(rows), self.ontology.num_attributes), np.float32)
        for n, row in enumerate(rows):
            hot[n, self._attribute_indices(row)] = 1
        return {"gt_attributes": hot}

    def to_coco(self, image_ids=None):
        """Ground truth as pycocotools and the Fashionpedia API read it, from the runs: a JSON-able dict.

        An image's "id" is its image id here (an int) and its "file_name" the photo's; category and attribute
        ids are the real ones; annotation ids start at 1, because evaluators take 0 for "unmatched".
        """
        image_ids = self.image_ids if image_ids is None else image_ids
        images, annotations = [], []
        for image_id in map(int, image_ids):
            height, width = self.image_hw(image_id)
            images.append(
                {
                    "id": image_id,
                    "file_name": Path(self.image_info[image_id]["path"]).name,
                    "height": height,
                    "width": width,
                }
            )
            rows = self.annotations.rows_of(image_id)
            for row, runs in zip(rows, self.annotations.runs_of(rows)):
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image_id,
                        "iscrowd": 0,
                        **self._coco_object(row, runs, (height, width)),
                    }
                )
        labels = self.ontology.to_dict()
        origin = f"{self.annotations.csv_path.name}, iMaterialist layout of {self.year}"
        return {
            "info": {"description": origin},
            "images": images,
            "annotations": annotations,
            **{
                kind: [
                    {"id": i, "name": name, "supercategory": above}
                    for i, name, above in labels[kind]
                ]
                for kind in ("categories", "attributes")
            },
        }

    def attribute_counts(self):
        """(K, 1 + T) int64: of every category, in the ontology's order, how many objects there are, and how many have each attribute."""
        a, k, width = (
            self.annotations,
            self.ontology.num_classes - 1,
            1 + self.ontology.num_attributes,
        )
        category = a.class_ids.astype(np.int64) - 1
        owner = np.repeat(category, np.diff(a.first_attribute))
        cells = np.concatenate([category * width, owner * width + 1 + a.attributes])
        return np.bincount(cells, minlength=k * width).reshape(k, width)

    def subset(self, image_ids):
        """A dataset of the images with these ImageIds (as in the CSV), in this dataset's order."""
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

    def _slice(self, image_id):
        rows = self.annotations.rows_of(image_id)
        return slice(rows.start, rows.stop)

    def _attribute_indices(self, row):
        first = self.annotations.first_attribute
        return self.annotations.attributes[first[row] : first[row + 1]]

    def _coco_object(self, row, runs, size_hw):
        y1, x1, y2, x2 = map(float, rle.box_of_runs(runs, size_hw))
        return {
            "category_id": self.ontology.category_id_of(int(self.annotations.class_ids[row])),
            "attribute_ids": sorted(
                self.ontology.attribute_ids[i] for i in self._attribute_indices(row)
            ),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": rle.area(runs),
            "segmentation": rle.to_coco(runs, size_hw),
        }


def load_imaterialist(
    csv_path,
    images_dir,
    ontology,
    *,
    skip_bad=False,
    image_ids=None,
    check_images=True,
    attribute_categories=None,
):
    """Read a CSV of 2019 or 2020 and find its photos: a prepared IMaterialistDataset.

    images_dir: the folder of the photos, or a list of folders.
    skip_bad: leave out rows that are wrong, with a warning. Otherwise they raise BadRows, naming all.
    image_ids: only these images, by the CSV's ImageId; None for all.
    check_images: compare Height and Width with every photo's header, and look for its end. Takes some seconds for 45,000 photos, the
        first time; without it, a photo that is broken or of another size is found when it is loaded.
    attribute_categories: real ids of the categories whose attributes are kept; None keeps all as they are. In
        2019 only 0..12 carry attributes legitimately, the rest are annotation errors:
        `ontology.attribute_category_ids`.
    """
    annotations, bad = read_annotations(
        csv_path, ontology, image_ids=image_ids, attribute_categories=attribute_categories
    )
    folders = [images_dir] if isinstance(images_dir, (str, Path)) else list(images_dir)
    photos = find_images(annotations.image_ids, folders)
    if annotations.image_ids and not any(photos):
        raise FileNotFoundError(
            f"None of the {len(photos)} images of {csv_path} is in "
            f"{', '.join(map(str, folders))}; the first would be "
            f"{annotations.image_ids[0]}. Is this the folder of the photos?"
        )
    faults = image_faults(photos, annotations.image_hw.tolist(), check_images)
    bad += [
        BadRow(line, annotations.image_ids[image], fault)
        for image, fault in enumerate(faults)
        if fault
        for line in annotations.lines_of(image)
    ]
    if bad and not skip_bad:
        raise BadRows(csv_path, bad)
    paths = [photo.path for photo, fault in zip(photos, faults) if fault is None]
    annotations = annotations.of_images([fault is None for fault in faults])
    if not annotations.image_ids:
        if not bad:
            raise ValueError(f"{csv_path} has no rows. Is the file complete?")
        raise ValueError(
            f"{csv_path} has no rows that can be used (wrong ones: {len(bad):,}); line "
            f"{bad[0].line} "
            f"(image {printable(bad[0].image_id[:100])}): {bad[0].reason}. Are these the photos "
            "that "
            "the file was made for, in their size?"
        )
    if bad:
        log.warning(
            "%s\nGoing on without them, with %s rows of %s images.",
            str(BadRows(csv_path, bad)).rpartition("\n")[0],
            len(annotations.line),
            len(annotations.image_ids),
        )
    return IMaterialistDataset(annotations, paths, ontology, sorted(bad, key=lambda row: row.line))


def _infos(annotations, paths):
    """`image_info` of images and the paths of their photos (str)."""
    return [
        {"id": image_id, "source": SOURCE, "path": path, "height": height, "width": width}
        for image_id, path, (height, width) in zip(
            annotations.image_ids, paths, annotations.image_hw.tolist()
        )
    ]
