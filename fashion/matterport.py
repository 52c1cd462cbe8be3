"""What the attribute forks of Matterport's code added to it, under their names: attributes in the data set, the model and the results.

    import fashion.matterport as modellib               # MaskRCNN with an attribute head; everything else of mrcnn.model
    from fashion.matterport import Dataset              # add_attribute, attr_names, load_mask with three results

Any `Config` serves that says NUM_ATTRIBUTES or NUM_ATTR.
"""

import numpy as np

import mrcnn.data.dataset
import mrcnn.model
from fashion.attributes.build import head_of
from fashion.config import FashionConfig
from mrcnn.legacy.examples import load_with_fields
from mrcnn.model import *  # noqa: F403
from mrcnn.setting_checks import shown

ATTRIBUTE_LAYERS = r"mrcnn_attribute.*"


class MaskRCNN(mrcnn.model.MaskRCNN):
    """`mrcnn.model.MaskRCNN` with an `AttributeHead` for the config's NUM_ATTRIBUTES or NUM_ATTR attributes: a linear one, unless the
    config has the ATTRIBUTE_ settings of `FashionConfig`.

    Raises ValueError if the config says neither.
    """

    def __init__(self, mode, config, model_dir):
        count = getattr(config, "NUM_ATTRIBUTES", None) or getattr(config, "NUM_ATTR", None)
        if not count:
            raise ValueError(
                "How many attributes are there? Set NUM_ATTRIBUTES in the config. Without attributes use mrcnn.model."
            )
        super().__init__(
            mode,
            config,
            model_dir,
            extra_heads=[lambda: head_of(config, int(count), config.NUM_CLASSES)],
        )

    def train(
        self, train_dataset, val_dataset, learning_rate, epochs, layers, *arguments, **options
    ):
        """As `mrcnn.model.MaskRCNN.train`; layers="attribute" lets the attribute head alone learn."""
        layers = ATTRIBUTE_LAYERS if layers in ("attribute", "attributes") else layers
        super().train(
            train_dataset, val_dataset, learning_rate, epochs, layers, *arguments, **options
        )

    def detect(self, images, verbose=0):
        """As `mrcnn.model.MaskRCNN.detect`, with "attributes" (N, T) float32, the score of each attribute, and "attribute_indices": for
        each object those (n,) int64 that score ATTRIBUTE_THRESHOLD or more."""
        threshold = getattr(self.config, "ATTRIBUTE_THRESHOLD", FashionConfig.ATTRIBUTE_THRESHOLD)
        results = super().detect(images, verbose)
        for result in results:
            result["attributes"] = result["attribute_scores"]
            result["attribute_indices"] = [
                np.flatnonzero(scores >= threshold) for scores in result["attribute_scores"]
            ]
        return results


def load_image_gt(dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False):
    """`mrcnn.model.load_image_gt`, with the attributes of the objects as its sixth result.

    Returns:
        Image, image meta, class ids, boxes and masks, as there; and `(N, T)`, 1 where an object has
        an attribute, `(N, 0)` if the data set knows of none.
    """
    *found, fields = load_with_fields(
        dataset, config, image_id, augment, augmentation, use_mini_mask, stacklevel=3
    )
    return *found, fields.get("gt_attributes", np.zeros((len(found[2]), 0), np.uint8))


class Dataset(mrcnn.data.dataset.Dataset):
    """`mrcnn.utils.Dataset` with attributes: `add_attribute` lists them, and `load_mask` may return, as its third result, which of
    them each object has: (N, T), 0 or 1, in the order of adding; or lists of ids, one for each object, filled with -1 to one length.
    An id is what `add_attribute` was given, or else the place of the attribute, from 0."""

    def __init__(self, class_map=None):
        super().__init__(class_map)
        self.attribute_info = []

    def add_attribute(self, source, attribute_id, attribute_name):
        """Add the attribute that `source` calls `attribute_id`; adding it a second time changes nothing."""
        if not any(a["source"] == source and a["id"] == attribute_id for a in self.attribute_info):
            self.attribute_info.append(
                {"source": source, "id": attribute_id, "name": attribute_name}
            )

    def prepare(self, class_map=None):
        super().prepare(class_map)
        self.num_attributes = len(self.attribute_info)
        self.attr_names = [a["name"] for a in self.attribute_info]
        self.attribute_from_source_map = {
            f"{a['source']}.{a['id']}": i for i, a in enumerate(self.attribute_info)
        }

    def load_objects(self, image_id):
        masks, class_ids, *attributes = self.load_mask(image_id)
        fields = self.load_instance_fields(image_id)
        known = (
            attributes[0]
            if attributes and len(class_ids)
            else np.zeros((len(class_ids), self.num_attributes))
        )
        return (
            masks,
            class_ids,
            {"gt_attributes": self._multi_hot(known, len(class_ids), image_id)} | fields,
        )

    def _multi_hot(self, known, count, image_id):
        """(N, T) uint8 of what `load_mask` returned, whichever of its two forms it has."""
        rows = (
            [np.asarray(row) for row in known]
            if isinstance(known, (list, tuple)) or np.ndim(known)
            else []
        )
        numbers = len(rows) == count and all(
            row.ndim == 1 and (row.dtype.kind in "biuf" or not row.size) for row in rows
        )
        if numbers and all(
            len(row) == self.num_attributes and np.isin(row, (0, 1)).all() for row in rows
        ):
            return np.array(rows, np.uint8).reshape(count, self.num_attributes)
        # Zeros and ones alone, in rows of another length, are a table that is too wide or too narrow.
        are_ids = (
            len({len(row) for row in rows}) > 1
            or any(not np.isin(row, (0, 1)).all() for row in rows)
            if numbers
            else False
        )
        if are_ids and all((row == np.rint(row)).all() and (row >= -1).all() for row in rows):
            return self._multi_hot_of_ids(
                [[int(i) for i in row if i >= 0] for row in rows], image_id
            )
        shapes = {row.shape for row in rows}
        shape = (len(rows), *shapes.pop()) if len(shapes) == 1 else "(rows of several lengths)"
        raise ValueError(
            f"The third result of load_mask says of each object which attributes it has: 0 or 1, of shape "
            f"{(count, self.num_attributes)}, for {self.num_attributes} were added with add_attribute; or {count} lists of "
            f"attribute ids, filled with -1. Got shape {shape}, "
            f"values {shown(np.unique(np.concatenate([row.ravel() for row in rows] or [[]])))}."
        )

    def _multi_hot_of_ids(self, rows, image_id):
        source = self.image_info[image_id]["source"]
        places = {a["id"]: i for i, a in enumerate(self.attribute_info) if a["source"] == source}
        if not all(i in places for row in rows for i in row):
            places = dict(enumerate(range(self.num_attributes)))
        known = np.zeros((len(rows), self.num_attributes), np.uint8)
        for row, ids in zip(known, rows):
            for i in ids:
                if i not in places:
                    raise ValueError(
                        f"load_mask returned the attribute id {i}, which add_attribute was not given for {source!r}, and "
                        f"{self.num_attributes} were added: places go up to {self.num_attributes - 1}."
                    )
                row[places[i]] = 1
        return known
