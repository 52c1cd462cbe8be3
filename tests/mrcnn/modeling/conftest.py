"""One small Detector for every test that only reads it; the same weights in every run."""

import keras
import pytest

from mrcnn.modeling.build import build_detector


@pytest.fixture(autouse=True)
def seeded_weights():
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def plain_detector(plain_config):
    keras.utils.set_random_seed(0)
    return build_detector(plain_config())
