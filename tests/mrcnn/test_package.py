"""What `import mrcnn` offers, and what it does not load."""

import subprocess
import sys
from pathlib import Path

import pytest

import mrcnn

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", mrcnn.__all__)
def test_every_exported_name_exists(name):
    assert getattr(mrcnn, name) is not None and name in dir(mrcnn)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'mask_rcnn'"):
        _ = mrcnn.mask_rcnn


def test_the_package_and_its_config_and_dataset_import_without_keras():
    code = """
import sys, mrcnn
mrcnn.Config, mrcnn.Dataset, mrcnn.__version__
assert not {"keras", "tensorflow", "jax"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
