"""A data set of drawn squares and bars on canvases of 32 pixels, and a network that is trained in a
second.
"""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def squares():
    """squares(count) -> a data set of photos of 64 x 48: a coat of 32 x 32 with a pocket of 8 x 8,
    whose masks are `RLEMasks`.
    """
    from mrcnn.data.dataset import Dataset
    from mrcnn.data.masks.rle import RLEMasks

    class Squares(Dataset):
        def __init__(self, count):
            super().__init__()
            self.add_class("squares", 1, "coat")
            self.add_class("squares", 2, "pocket")
            for i in range(count):
                self.add_image("squares", image_id=i, path=None)
            self.prepare()

        def image_hw(self, image_id):
            return 64, 48

        def load_mask(self, image_id):
            masks = np.zeros((64, 48, 2), bool)
            y, x = np.random.default_rng(image_id).integers(0, 16, 2)
            masks[y + 8 : y + 16, x + 8 : x + 16, 0] = (
                True  # the pocket comes first, and is painted last
            )
            masks[y : y + 32, x : x + 32, 1] = True
            return masks, np.array([2, 1], np.int32)

        def load_objects(self, image_id):
            masks, class_ids = self.load_mask(image_id)
            return RLEMasks.from_dense(masks), class_ids, {}

        def load_image(self, image_id):
            masks, _ = self.load_mask(image_id)
            image = np.full((64, 48, 3), 80, np.uint8)
            image[masks[:, :, 1]] = (200, 40, 40)
            image[masks[:, :, 0]] = (40, 40, 220)
            return image

    return Squares


@pytest.fixture(scope="session")
def tiny_network():
    """tiny_network() -> two convolutions and a dropout, for images of 32 x 32, three labels."""
    import keras

    def make():
        keras.utils.set_random_seed(0)
        image = keras.Input((32, 32, 3), name="image")
        x = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(image)
        x = keras.layers.BatchNormalization(momentum=0.9, name="norm")(x)
        x = keras.layers.Dropout(0.2, name="drop")(x)
        return keras.Model(image, keras.layers.Conv2D(3, 1, name="logits")(x), name="tiny")

    return make
