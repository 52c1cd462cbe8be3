"""One tiny detector with random weights, which finds something everywhere, for the tests of this
folder.
"""

import pytest


@pytest.fixture(scope="session")
def predictor(plain_config):
    import keras

    from mrcnn.inference.predict import Predictor
    from mrcnn.modeling.build import build_detector

    keras.utils.set_random_seed(0)
    config = plain_config(MASK_BUCKETS=[4])
    return Predictor(build_detector(config), config)
