"""What tests of the library and of the application share: a plain backbone of ten layers, and drawn
shapes to train on."""

import atexit
import functools
import gc
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "FASHION_CACHE_DIR" not in os.environ:  # not into the home folder
    os.environ["FASHION_CACHE_DIR"] = tempfile.mkdtemp(prefix="fashion-index-")
    atexit.register(shutil.rmtree, os.environ["FASHION_CACHE_DIR"], ignore_errors=True)


# Files that take more than ten seconds of a quiet core, the longest first.
LONGEST = [
    "mrcnn/test_parity.py",
    "fashion/test_train_whole.py",
    "fashion/classify/test_training.py",
    "mrcnn/training/test_fit_detector.py",
    "mrcnn/modeling/test_detector.py",
    "mrcnn/inference/test_predict.py",
    "compat/test_defects.py",
    "fashion/test_rescore.py",
    "fashion/semantic/test_networks.py",
    "fashion/evaluation/metrics/test_fashionpedia.py",
    "fashion/attributes/test_contract.py",
]


@pytest.fixture(scope="session", autouse=True)
def current_folder(tmp_path_factory):
    """Each process of the suite has a current folder of its own.

    Commands write their default output there. In a folder that two processes share, one of them
    would find the output in use.
    """
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("current"))
    yield
    os.chdir(before)


def pytest_configure(config):
    """Files are handed out in the order below; xdist would begin with those that have the most
    tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    """The longest files come first, then all others with slow tests, so that two processes that
    share the files end at about the same
    time."""
    ranks = {Path(__file__).parent / name: rank for rank, name in enumerate(LONGEST)}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (ranks.get(item.path, len(ranks)), item.path not in slow))


def pytest_collection_finish():
    """Graphs are made of millions of small objects: looking through all of them for unused cycles
    as often as Python would is a tenth of
    the whole time. What the imports have left is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def register_plain_backbone():
    """Add the backbone "plain": five strided convolutions under a ResNet's names, built and
    compiled in a second or two."""
    import keras

    from mrcnn.modeling.build import BACKBONES
    from mrcnn.modeling.normalization import BatchNorm

    def plain(name, update_statistics=False, channels=3):
        x = image = keras.Input((None, None, channels), name="image")
        features = []
        for stage, filters in enumerate((8, 8, 12, 16, 16), start=1):
            conv, norm = (
                ("conv1", "bn_conv1")
                if stage == 1
                else (f"res{stage}a_branch2a", f"bn{stage}a_branch2a")
            )
            x = keras.layers.Conv2D(filters, 3, 2, "same", name=conv)(x)
            x = keras.layers.ReLU(name=f"relu{stage}")(BatchNorm(update_statistics, name=norm)(x))
            features.append(x)
        return keras.Model(image, features[1:], name=name)

    BACKBONES["plain"] = plain
    return "plain"


# Small enough that a step takes milliseconds, and every part of the network is there.
TINY = {
    "BACKBONE": "plain",
    "IMAGE_MIN_DIM": 64,
    "IMAGE_MAX_DIM": 64,
    "IMAGES_PER_GPU": 2,
    "STEPS_PER_EPOCH": 2,
    "RPN_ANCHOR_SCALES": [8, 16, 32, 64, 128],
    "TOP_DOWN_PYRAMID_SIZE": 16,
    "RPN_CHANNELS": 16,
    "MASK_CHANNELS": 8,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 32,
    "PRE_NMS_LIMIT": 60,
    "POST_NMS_ROIS_TRAINING": 30,
    "POST_NMS_ROIS_INFERENCE": 20,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": 32,
    "TRAIN_ROIS_PER_IMAGE": 16,
    "MAX_GT_INSTANCES": 12,
    "DETECTION_MAX_INSTANCES": 10,
    "MASK_BUCKETS": [10],
    "WARMUP_STEPS": 0,
}


def leave_uncompiled(patch):
    """Steps of training and prediction run as they are: tracing their graphs takes longer than the
    few steps that tests need."""
    from mrcnn.modeling.detector import Detector

    patch.setattr(Detector, "compile", functools.partialmethod(Detector.compile, run_eagerly=True))
    patch.setattr("mrcnn.inference.predict.compiled", lambda step, *_, **__: step)


@pytest.fixture
def uncompiled(monkeypatch):
    leave_uncompiled(monkeypatch)


@pytest.fixture(scope="module")
def uncompiled_module():
    """The same for all tests of a file, and for what its fixtures make."""
    with pytest.MonkeyPatch.context() as patch:
        leave_uncompiled(patch)
        yield


def leave_undrawn(patch):
    """Figures are made and saved as empty pictures: drawing them takes half of the time of a page.

    For tests of what surrounds figures, which have tests of their own.
    """
    from matplotlib.figure import Figure
    from PIL import Image

    def savefig(figure, target, *, format=None, **options):
        if format == "svg":
            target.write('<svg width="72pt" height="72pt"></svg>')
        else:
            Image.new("RGB", (72, 72), "white").save(target, format="PNG")

    patch.setattr(Figure, "savefig", savefig)


@pytest.fixture
def undrawn(monkeypatch):
    leave_undrawn(monkeypatch)


@pytest.fixture(scope="module")
def undrawn_module():
    """The same for all tests of a file, and for what its fixtures make."""
    with pytest.MonkeyPatch.context() as patch:
        leave_undrawn(patch)
        yield


@pytest.fixture
def simple_losses(monkeypatch):
    """A detector's losses under their usual names, each of the photos and of one layer's weights.

    For tests of what surrounds a step: what the network computes is nine tenths of its time. Most
    variables have no gradient then, of which Keras warns.
    """
    from keras import ops

    from mrcnn.modeling.detector import Detector

    def losses(detector, batch, outputs):
        layers = {
            "rpn_class_loss": detector.rpn.classify,
            "rpn_bbox_loss": detector.rpn.regress,
            "mrcnn_class_loss": detector.heads[0].classify,
            "mrcnn_bbox_loss": detector.heads[0].regress,
            "mrcnn_mask_loss": detector.heads[1].predict,
        }
        wanted = ops.mean(batch["images"]) / 100
        found = {name: ops.mean((layer.kernel - wanted) ** 2) for name, layer in layers.items()}
        first = detector.backbone.get_layer("conv1").kernel
        return found | {"rpn_class_loss": found["rpn_class_loss"] + ops.mean(first**2)}

    monkeypatch.setattr(Detector, "call", lambda self, inputs, training=False: {})
    monkeypatch.setattr(Detector, "compute_losses", losses)


@pytest.fixture(scope="session")
def tiny_settings():
    register_plain_backbone()
    return dict(TINY)


@pytest.fixture(scope="session")
def plain_config(tiny_settings):
    """plain_config(**settings) -> a Config of 64 pixels with the plain backbone and the classes of
    `shapes`."""
    from mrcnn.config import Config

    fixed = {
        "NUM_CLASSES": 3,
        "DETECTION_MIN_CONFIDENCE": 0.0,
        "DETECTION_ALL_CLASSES": True,
        "NAME": "plain",
    }
    return lambda **settings: Config.from_dict(tiny_settings | fixed | settings)


@pytest.fixture(scope="session")
def shapes():
    """shapes(count) -> a data set written as Matterport's example is: drawn when asked for, uint8
    masks and int64 ids."""
    from mrcnn.data.dataset import Dataset

    class Shapes(Dataset):
        def __init__(self, count):
            super().__init__(self)
            self.add_class("shapes", 1, "square")
            self.add_class("shapes", 2, "bar")
            for i in range(count):
                self.add_image("shapes", image_id=i, path=None)

        def load_image(self, image_id):
            masks, class_ids = self.load_mask(image_id)
            image = np.full((70, 50, 3), 90 + image_id % 7, np.uint8)
            for mask, class_id in zip(masks.transpose(2, 0, 1), class_ids):
                image[mask > 0] = (200, 30, 60) if class_id == 1 else (20, 90, 220)
            return image

        def load_mask(self, image_id):
            y, x = np.random.default_rng(image_id).integers(0, 20, 2)
            masks = np.zeros((70, 50, 2), np.uint8)
            masks[y : y + 24, x : x + 24, 0] = 1
            masks[48:60, x : x + 28, 1] = 1
            return masks, np.array([1, 2])

    def make(count):
        dataset = Shapes(count)
        dataset.prepare()
        return dataset

    return make


@pytest.fixture
def channels_first():
    """As the keras.json of another project says it."""
    import keras

    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)
