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
from mrcnn.model import *  # noqa: F403

ATTRIBUTE_LAYERS = r"mrcnn_attribute.*"


class MaskRCNN(mrcnn.model.MaskRCNN):
    """`mrcnn.model.MaskRCNN` with an `AttributeHead` for the config's NUM_ATTRIBUTES or NUM_ATTR attributes: a linear one, unless the
    config has the ATTRIBUTE_ settings of `FashionConfig`.

    Raises ValueError if the config says neither.
    """

    def __init__(self, mode, config, model_dir):
        count = getattr(config, "NUM_ATTRIBUTES", None) or getattr(config, "NUM_ATTR", None)
        if not count:
            raise ValueError("How many attributes are there? Set NUM_ATTRIBUTES in the config. Without attributes use mrcnn.model.")
        super().__init__(mode, config, model_dir, extra_heads=[lambda: head_of(config, int(count), config.NUM_CLASSES)])

    def train(self, train_dataset, val_dataset, learning_rate, epochs, layers, *arguments, **options):
        """As `mrcnn.model.MaskRCNN.train`; layers="attribute" lets the attribute head alone learn."""
        layers = ATTRIBUTE_LAYERS if layers in ("attribute", "attributes") else layers
        super().train(train_dataset, val_dataset, learning_rate, epochs, layers, *arguments, **options)

    def detect(self, images, verbose=0):
        """As `mrcnn.model.MaskRCNN.detect`, with "attribute_scores" (N, T) and "attributes": for each object the indices (n,) int64 of
        the attributes that score ATTRIBUTE_THRESHOLD or more."""
        threshold = getattr(self.config, "ATTRIBUTE_THRESHOLD", FashionConfig.ATTRIBUTE_THRESHOLD)
        results = super().detect(images, verbose)
        for result in results:
            result["attributes"] = [np.flatnonzero(scores >= threshold) for scores in result["attribute_scores"]]
        return results


class Dataset(mrcnn.data.dataset.Dataset):
    """`mrcnn.utils.Dataset` with attributes: `add_attribute` lists them, and `load_mask` may return, as its third result, which of
    them each object has: (N, T), 0 or 1, in the order of adding."""

    def __init__(self, class_map=None):
        super().__init__(class_map)
        self.attribute_info = []

    def add_attribute(self, source, attribute_id, attribute_name):
        """Add the attribute that `source` calls `attribute_id`; adding it a second time changes nothing."""
        if not any(a["source"] == source and a["id"] == attribute_id for a in self.attribute_info):
            self.attribute_info.append({"source": source, "id": attribute_id, "name": attribute_name})

    def prepare(self, class_map=None):
        super().prepare(class_map)
        self.num_attributes = len(self.attribute_info)
        self.attr_names = [a["name"] for a in self.attribute_info]
        self.attribute_from_source_map = {f"{a['source']}.{a['id']}": i for i, a in enumerate(self.attribute_info)}

    def load_objects(self, image_id):
        masks, class_ids, *attributes = self.load_mask(image_id)
        fields = self.load_instance_fields(image_id)
        known = np.asarray(attributes[0] if attributes and len(class_ids) else np.zeros((len(class_ids), self.num_attributes)))
        if known.shape != (len(class_ids), self.num_attributes) or not np.isin(known, (0, 1)).all():
            raise ValueError(f"The third result of load_mask says of each object which attributes it has: 0 or 1, of shape "
                             f"{(len(class_ids), self.num_attributes)}, for {self.num_attributes} were added with add_attribute. Got shape "
                             f"{known.shape}, values {np.unique(known)[:5].tolist()}.")
        return masks, class_ids, {"gt_attributes": known.astype(np.uint8)} | fields
