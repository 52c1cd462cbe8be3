"""Garments that anybody tells apart: red squares are coats, blue ones skirts, on grey; and a
classifier that goes by the mean colour.
"""

import numpy as np
import pytest

COLORS = {1: (200, 40, 40), 2: (40, 40, 200)}


@pytest.fixture(scope="session")
def labels():
    from fashion.labels.ontology import Ontology

    return Ontology((7, 3), ("coat", "skirt"), ("", ""), (), (), (), ())


@pytest.fixture(scope="session")
def garments(labels):
    """garments(count) -> a data set of photos of 60 x 80, a coat of 20 x 20 on the left and a skirt
    of 10 x 30 on the right of each.
    """
    from mrcnn.data.dataset import Dataset
    from mrcnn.data.masks.rle import RLEMasks

    class Garments(Dataset):
        ontology = labels

        def __init__(self, count):
            super().__init__()
            for i, name in enumerate(labels.category_names, start=1):
                self.add_class("drawn", i, name)
            for i in range(count):
                self.add_image("drawn", image_id=f"p{i}", path=None)
            self.prepare()

        def image_hw(self, image_id):
            return 60, 80

        def load_mask(self, image_id):
            masks = np.zeros((60, 80, 2), bool)
            masks[10:30, 5:25, 0] = True
            masks[30 + image_id % 20 : 40 + image_id % 20, 40:70, 1] = True
            return masks, np.array([1, 2], np.int32)

        def load_objects(self, image_id):
            masks, class_ids = self.load_mask(image_id)
            return RLEMasks.from_dense(masks), class_ids, {}

        def load_image(self, image_id):
            masks, class_ids = self.load_mask(image_id)
            image = np.full((60, 80, 3), 120, np.uint8)
            for i, class_id in enumerate(class_ids):
                image[masks[:, :, i]] = COLORS[class_id]
            return image

    return Garments


@pytest.fixture(scope="session")
def color_rescorer(labels):
    """A Rescorer of crops of 32 pixels that is sure of coats where the middle is red, of skirts
    where it is blue, else of no garment.
    """
    import keras
    from keras import ops

    from fashion.classify.garments.rescorer import Rescorer

    image = keras.Input((32, 32, 3), name="image")

    def logits(crops):
        middle = ops.mean(crops[:, 14:18, 14:18], axis=(1, 2))
        redder = (middle[:, 0] - middle[:, 2]) * 10
        return ops.stack([ops.full_like(redder, 5.0), redder, -redder], axis=1)

    network = keras.Model(image, keras.layers.Lambda(logits, output_shape=(3,))(image))
    return Rescorer(network, "efficientnet_lite0", 32, labels)
