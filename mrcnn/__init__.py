"""Instance segmentation with Mask R-CNN on Keras 3.

The names of `__all__` are imported when they are first used, so that parts that need only NumPy
import without Keras.
"""

import importlib
from typing import TYPE_CHECKING, Any

from mrcnn.data.augmentation.imgaug_import import mend_imgaug
from mrcnn.import_path import use_text_only, warn_of_older_copies
from mrcnn.moved import MOVED_MODULES, register

if TYPE_CHECKING:
    from mrcnn.config import Config
    from mrcnn.data.dataset import Dataset
    from mrcnn.model import MaskRCNN
    from mrcnn.modeling.build import build_detector
    from mrcnn.modeling.detector import Detector
    from mrcnn.weights.layer_files import load_weights

__all__ = [
    "Config",
    "Dataset",
    "Detector",
    "MaskRCNN",
    "__version__",
    "build_detector",
    "load_weights",
]

__version__ = "0.1.0"  # setup.py reads it

_HOMES = {
    "Config": "mrcnn.config",
    "Dataset": "mrcnn.data.dataset",
    "Detector": "mrcnn.modeling.detector",
    "MaskRCNN": "mrcnn.model",
    "build_detector": "mrcnn.modeling.build",
    "load_weights": "mrcnn.weights.layer_files",
}

# Scripts of Matterport's users need what follows; nothing else happens on import.
use_text_only()
warn_of_older_copies()
# Such scripts say `import imgaug` next, which fails beside NumPy 2 without help.
mend_imgaug()
register(MOVED_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
