"""One tiny detector for the tests of this folder; each test that changes its weights starts from
the same ones."""

import pytest


@pytest.fixture(scope="module")
def detector(plain_config):
    """Freshly built with seed 0 for every test file."""
    import keras

    from mrcnn.modeling.build import build_detector

    keras.utils.set_random_seed(0)
    return build_detector(plain_config())
