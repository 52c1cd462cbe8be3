"""Matterport's names with attributes, as the attribute forks of its code have them.

    import fashion.matterport as modellib   # MaskRCNN with an attribute head
    from fashion.matterport import Dataset  # add_attribute, attr_names, load_mask with 3 results

All other names are those of `mrcnn.model`.

Any `Config` with NUM_ATTRIBUTES or NUM_ATTR will do.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import mrcnn.data.dataset
import mrcnn.model
from fashion.attributes.build import head_of
from fashion.config import FashionConfig
from mrcnn.legacy.examples import load_with_fields
from mrcnn.model import *  # noqa: F403
from mrcnn.setting_checks import shown
from mrcnn.typing import Array

ATTRIBUTE_LAYERS = r"mrcnn_attribute.*"


class MaskRCNN(mrcnn.model.MaskRCNN):  # type: ignore[no-redef]
    """`mrcnn.model.MaskRCNN` with an `AttributeHead`.

    The head is linear, unless the config has the ATTRIBUTE_ settings of `FashionConfig`.

    Args:
        mode: "training" or "inference".
        config: Settings with NUM_ATTRIBUTES or NUM_ATTR.
        model_dir: Folder of the log directories.

    Raises:
        ValueError: The config has neither setting.
    """

    def __init__(self, mode: str, config: Any, model_dir: Any) -> None:
        count = getattr(config, "NUM_ATTRIBUTES", None) or getattr(config, "NUM_ATTR", None)
        if not count:
            raise ValueError(
                "How many attributes are there? Set NUM_ATTRIBUTES in the config. Without "
                "attributes use mrcnn.model."
            )
        super().__init__(
            mode,
            config,
            model_dir,
            extra_heads=[lambda: head_of(config, int(count), config.NUM_CLASSES)],
        )

    def train(
        self,
        train_dataset: mrcnn.data.dataset.Dataset,
        val_dataset: mrcnn.data.dataset.Dataset | None,
        learning_rate: float,
        epochs: int,
        layers: str,
        *arguments: Any,
        **options: Any,
    ) -> None:
        """Trains as `mrcnn.model.MaskRCNN.train`.

        Args:
            train_dataset: As there.
            val_dataset: As there.
            learning_rate: As there.
            epochs: As there.
            layers: As there, or "attribute" for the attribute head alone.
            *arguments: As there.
            **options: As there.
        """
        layers = ATTRIBUTE_LAYERS if layers in ("attribute", "attributes") else layers
        super().train(
            train_dataset, val_dataset, learning_rate, epochs, layers, *arguments, **options
        )

    def detect(self, images: Sequence[Array], verbose: int = 0) -> list[dict[str, Any]]:
        """Detects as `mrcnn.model.MaskRCNN.detect`.

        Args:
            images: As there.
            verbose: As there.

        Returns:
            Results as there, with "attributes" `(N, T)` float32, the score of each attribute, and
            "attribute_indices", for each object `(n,)` int64 of those that score
            ATTRIBUTE_THRESHOLD or more.
        """
        threshold = getattr(self.config, "ATTRIBUTE_THRESHOLD", FashionConfig.ATTRIBUTE_THRESHOLD)
        results = super().detect(images, verbose)
        for result in results:
            result["attributes"] = result["attribute_scores"]
            result["attribute_indices"] = [
                np.flatnonzero(scores >= threshold) for scores in result["attribute_scores"]
            ]
        return results


def load_image_gt(  # type: ignore[no-redef]
    dataset: mrcnn.data.dataset.Dataset,
    config: Any,
    image_id: int,
    augment: bool = False,
    augmentation: Any = None,
    use_mini_mask: bool = False,
) -> tuple[Array, ...]:
    """Loads as `mrcnn.model.load_image_gt`, with the attributes of the objects.

    Args:
        dataset: As there.
        config: As there.
        image_id: As there.
        augment: As there.
        augmentation: As there.
        use_mini_mask: As there.

    Returns:
        Image, image meta, class ids, boxes and masks, as there; and `(N, T)`, 1 where an object
        has an attribute, `(N, 0)` if the data set has none.
    """
    *found, fields = load_with_fields(
        dataset, config, image_id, augment, augmentation, use_mini_mask, stacklevel=3
    )
    return *found, fields.get("gt_attributes", np.zeros((len(found[2]), 0), np.uint8))


class Dataset(mrcnn.data.dataset.Dataset):  # type: ignore[no-redef]
    """`mrcnn.utils.Dataset` with attributes.

    `add_attribute` lists them. `load_mask` may return, as its third result, which of them each
    object has: `(N, T)`, 0 or 1, in the order of adding; or lists of ids, one for each object,
    filled with -1 to one length. An id is what `add_attribute` was given, or else the index of the
    attribute, from 0.

    Args:
        class_map: As there.
    """

    def __init__(self, class_map: Any = None) -> None:
        super().__init__(class_map)
        self.attribute_info: list[dict[str, Any]] = []

    def add_attribute(self, source: str, attribute_id: int, attribute_name: str) -> None:
        """Adds an attribute. Adding it again changes nothing.

        Args:
            source: Source of the ids.
            attribute_id: Its id there.
            attribute_name: Its name.
        """
        if not any(a["source"] == source and a["id"] == attribute_id for a in self.attribute_info):
            self.attribute_info.append(
                {"source": source, "id": attribute_id, "name": attribute_name}
            )

    def prepare(self, class_map: Any = None) -> None:
        """Prepares as `mrcnn.utils.Dataset.prepare`.

        Args:
            class_map: As there.
        """
        super().prepare(class_map)
        self.num_attributes = len(self.attribute_info)
        self.attr_names = [a["name"] for a in self.attribute_info]
        self.attribute_from_source_map = {
            f"{a['source']}.{a['id']}": i for i, a in enumerate(self.attribute_info)
        }

    def load_objects(self, image_id: int) -> tuple[Any, Array, dict[str, Array]]:
        """Loads the objects of an image.

        Args:
            image_id: Internal image id.

        Returns:
            masks: As of `load_mask`.
            class_ids: `(N,)` int.
            fields: "gt_attributes" `(N, T)` uint8, and those of `load_instance_fields`.
        """
        loaded: Any = self.load_mask(image_id)
        masks, class_ids, *attributes = loaded
        fields = self.load_instance_fields(image_id)
        given: Any = np.zeros((len(class_ids), self.num_attributes))
        if attributes and len(class_ids):
            given = attributes[0]
        multi_hot = self._multi_hot(given, len(class_ids), image_id)
        return masks, class_ids, {"gt_attributes": multi_hot} | fields

    def _multi_hot(self, given: Any, count: int, image_id: int) -> Array:
        """(N, T) uint8 of what `load_mask` returned, in either of its two forms."""
        rows = []
        if isinstance(given, (list, tuple)) or np.ndim(given):
            rows = [np.asarray(row) for row in given]
        if len(rows) == count and all(_is_row_of_numbers(row) for row in rows):
            is_binary = [np.isin(row, (0, 1)).all() for row in rows]
            lengths = {len(row) for row in rows}
            if all(is_binary) and lengths <= {self.num_attributes}:
                return np.array(rows, np.uint8).reshape(count, self.num_attributes)
            # Zeros and ones alone, in rows of one other length, are a table of a wrong width.
            may_be_ids = len(lengths) > 1 or not all(is_binary)
            if may_be_ids and all(
                (row == np.rint(row)).all() and (row >= -1).all() for row in rows
            ):
                ids = [[int(i) for i in row if i >= 0] for row in rows]
                return self._multi_hot_of_ids(ids, image_id)
        shapes = {row.shape for row in rows}
        shape = (len(rows), *shapes.pop()) if len(shapes) == 1 else "(rows of several lengths)"
        values = np.unique(np.concatenate([row.ravel() for row in rows] or [np.zeros(0)]))
        raise ValueError(
            "The third result of load_mask says of each object which attributes it has: 0 or 1, "
            f"of shape {(count, self.num_attributes)}, for {self.num_attributes} were added with "
            f"add_attribute; or {count} lists of attribute ids, filled with -1. Got shape {shape}, "
            f"values {shown(values)}."
        )

    def _multi_hot_of_ids(self, rows: list[list[int]], image_id: int) -> Array:
        source = self.image_info[image_id]["source"]
        places = {a["id"]: i for i, a in enumerate(self.attribute_info) if a["source"] == source}
        if not all(i in places for row in rows for i in row):
            places = dict(enumerate(range(self.num_attributes)))
        known = np.zeros((len(rows), self.num_attributes), np.uint8)
        for row, ids in zip(known, rows):
            for i in ids:
                if i not in places:
                    raise ValueError(
                        f"load_mask returned the attribute id {i}, which add_attribute was not "
                        f"given for {source!r}, and {self.num_attributes} were added: places go "
                        f"up to {self.num_attributes - 1}."
                    )
                row[places[i]] = 1
        return known


def _is_row_of_numbers(row: Array) -> bool:
    return row.ndim == 1 and (row.dtype.kind in "biuf" or not row.size)
