"""What the scripts here share: the config they begin with, and two small networks that are built
once for all of them."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def eagerly(uncompiled_module):
    pass


@pytest.fixture(scope="session")
def shapes_config(tiny_settings):
    """The class that scripts derive theirs from: the settings of all tests, two classes, whatever
    is found is shown."""
    from mrcnn.config import Config

    class ShapesConfig(Config):
        NAME = "Shapes"
        GPU_COUNT = 1
        NUM_CLASSES = 1 + 2
        VALIDATION_STEPS = 1
        DETECTION_MIN_CONFIDENCE = 0

    for name, value in tiny_settings.items():
        setattr(ShapesConfig, name, value)
    ShapesConfig.STEPS_PER_EPOCH = 1
    ShapesConfig.DETECTION_ALL_CLASSES = True  # an untrained network takes all for background
    return ShapesConfig


@pytest.fixture(scope="session")
def model(shapes_config, tmp_path_factory):
    """A model that is never trained; tests leave its weights as they are."""
    import keras

    import mrcnn.model as modellib

    keras.utils.set_random_seed(0)
    return modellib.MaskRCNN(
        mode="inference", config=shapes_config(), model_dir=tmp_path_factory.mktemp("logs")
    )


@pytest.fixture(scope="session")
def spare(shapes_config, tmp_path_factory):
    """Another one, whose weights may be changed by any test."""
    import keras

    import mrcnn.model as modellib

    keras.utils.set_random_seed(1)
    return modellib.MaskRCNN(
        mode="training", config=shapes_config(), model_dir=tmp_path_factory.mktemp("logs")
    )


@pytest.fixture
def made(spare, monkeypatch, tmp_path):
    """made(config) -> a MaskRCNN with a folder of its own about the network of `spare`, since
    building one takes seconds.

    Only what the network was not built for may differ: sizes of images and batches, how to train,
    what to do with detections.
    """
    import mrcnn.model as modellib

    monkeypatch.setattr(modellib, "build_detector", lambda config, extra_heads: spare.keras_model)
    monkeypatch.setattr(
        spare.keras_model, "settings", spare.keras_model.settings
    )  # afterwards they are again what they were
    return lambda config: modellib.MaskRCNN(mode="training", config=config, model_dir=tmp_path)
