"""Packages that Keras and TensorFlow can do without are left to others."""

import subprocess
import sys
import types

import pytest

from fashion.cli import skipped_imports


def module_of(name, source):
    """Runs source as the module of that name; returns its names."""
    module = types.ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


@pytest.fixture
def skipping(monkeypatch, tmp_path):
    """An empty package `pandas`, which is not imported yet."""
    (tmp_path / "pandas.py").write_text("value = 1")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    skipped_imports.skip_optional_imports()
    skipped_imports.skip_optional_imports()
    kind = skipped_imports._SkipsPackages
    assert sum(isinstance(finder, kind) for finder in sys.meta_path) == 1
    yield
    sys.modules.pop("pandas", None)


def test_only_modules_that_can_do_without_a_package_do(skipping):
    source = "try:\n    import pandas\nexcept ImportError:\n    pandas = None\n"
    (importer,) = skipped_imports.IMPORTERS["pandas"]
    assert module_of(importer, source).pandas is None
    assert "pandas" not in sys.modules
    assert module_of("keras.src.another", source).pandas.value == 1


@pytest.mark.slow
def test_keras_starts_without_them():
    """Fails when a later Keras or TensorFlow imports them elsewhere: extend `IMPORTERS` then."""
    code = (
        "import sys\n"
        "from fashion.cli.skipped_imports import IMPORTERS, skip_optional_imports\n"
        "skip_optional_imports()\n"
        "import keras\n"
        "print(sorted(set(IMPORTERS) & set(sys.modules)), keras.backend.backend())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout in ("[] tensorflow\n", "['jax'] jax\n")
