"""What the tests of the examples share: an example as a module, shrunk until it trains in
a moment."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(uncompiled, tiny_settings):
    """example(name) -> the module; its configs are those of the tests: 64 pixels, the plain
    backbone, two batches an epoch."""
    from mrcnn.config import Config

    def load(name, **settings):
        spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        (config,) = (
            c for c in vars(module).values() if isinstance(c, type) and c.__base__ is Config
        )
        for key, value in (tiny_settings | {"VALIDATION_STEPS": 1} | settings).items():
            setattr(config, key, value)
        return module

    return load
