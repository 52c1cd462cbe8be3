"""The light install: what it leaves out, and how to get it.

packaging/runtime builds it of the modules that need no Keras.
"""

import importlib.util

# What the light install has not, and the full one has.
_MODULE = "mrcnn.modeling"
# What only the full install requires.
_REQUIRED = ("keras", "tensorflow", "scipy", "matplotlib", "skimage", "h5py", "yaml", "imgaug")
FULL_INSTALL = "pip uninstall fashion-mask-rcnn-runtime, then pip install fashion-mask-rcnn."


def is_light() -> bool:
    """Returns whether this is the light install.

    Returns:
        False for the full one.
    """
    return importlib.util.find_spec(_MODULE) is None


def is_left_out(module: str | None) -> bool:
    """Returns whether a module is missing because the light install leaves it out.

    Args:
        module: The module that was not found, or None.

    Returns:
        False in a full install, where a missing module is a fault of the installation.
    """
    if module is None or not is_light():
        return False
    return module.partition(".")[0] in (*_REQUIRED, "mrcnn", "fashion")
