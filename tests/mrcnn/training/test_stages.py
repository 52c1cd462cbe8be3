"""Stage: a part of settings, which are read without Keras."""

import subprocess
import sys

import pytest

from mrcnn.training import stages, trainable_layers
from mrcnn.training.stages import Stage


def test_a_stage_comes_back_from_its_values():
    stage = Stage("heads", "heads", 2, 1e-3)
    assert Stage(**vars(stage)) == stage


def test_names_that_lay_here_are_found():
    assert stages.set_trainable is trainable_layers.set_trainable
    with pytest.raises(AttributeError, match="no attribute 'set_trainables'"):
        stages.set_trainables  # noqa: B018


@pytest.mark.parametrize("module", ["mrcnn.training.stages", "mrcnn.config", "fashion.config"])
def test_settings_are_read_without_keras(module):
    code = f"import sys, {module}; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
