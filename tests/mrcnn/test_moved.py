import importlib
import sys
import warnings
from pathlib import Path

import pytest

import fashion.moved
import mrcnn.moved
from mrcnn.moved import register

ROOT = Path(__file__).parents[2]
EVERY_MOVE = {**mrcnn.moved.MOVED_MODULES, **fashion.moved.MOVED_MODULES}


@pytest.fixture
def moved_module():
    register({"mrcnn.formerly": ("mrcnn.files", {"old_name": "atomic_path"})})
    yield "mrcnn.formerly"
    sys.meta_path.pop()
    sys.modules.pop("mrcnn.formerly", None)


def test_an_old_import_warns_with_the_line_that_imports(moved_module):
    with pytest.warns(DeprecationWarning, match="moved to mrcnn.files") as record:
        import mrcnn.formerly  # noqa: F401
    assert record[0].filename == __file__


def test_old_names_lead_to_the_new_ones(moved_module):
    with pytest.warns(DeprecationWarning):
        module = importlib.import_module(moved_module)
    files = importlib.import_module("mrcnn.files")
    assert module.atomic_path is files.atomic_path
    assert module.old_name is files.atomic_path
    with pytest.raises(AttributeError):
        _ = module.missing


@pytest.mark.parametrize("old", sorted(EVERY_MOVE))
def test_every_listed_move_leads_somewhere(old, monkeypatch):
    # An editable install of another working copy would find the old file there.
    elsewhere = [f for f in sys.meta_path if "__editable__" in getattr(f, "__module__", "")]
    finders = [finder for finder in sys.meta_path if finder not in elsewhere]
    monkeypatch.setattr(sys, "meta_path", finders)
    entry = EVERY_MOVE[old]
    new, renamed = (entry, {}) if isinstance(entry, str) else entry
    module = importlib.import_module(new)
    for name in renamed.values():
        place, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(place) if place else module, attribute)
    path = ROOT.joinpath(*old.split("."))
    assert not path.with_suffix(".py").exists() and not (path / "__init__.py").exists()
    assert any(finder.find_spec(old) for finder in sys.meta_path if _is_ours(finder))


def _is_ours(finder):
    return type(finder).__name__ == "_MovedModuleFinder"


def test_a_renamed_attribute_warns_and_leads_to_the_new_one():
    import fashion.predict

    with pytest.warns(DeprecationWarning, match="has moved to fashion.cli.paths.find_images"):
        assert fashion.predict.find_photos is fashion.predict.find_images
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        _ = fashion.predict.missing


def test_an_old_module_that_is_now_a_package_still_has_its_names():
    import fashion.cli.errors
    import fashion.commands

    with pytest.warns(DeprecationWarning, match="fashion.commands.run_verb has moved to"):
        assert fashion.commands.run_verb is fashion.cli.errors.run_verb


@pytest.mark.parametrize(
    "name", ["load_weights", "own_weights", "read_h5", "read_metadata", "save_weights"]
)
def test_the_old_module_of_weight_files_has_names_of_both_new_ones(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning comes once, whichever test is the first
        module = importlib.import_module("mrcnn.modeling.weight_files")
        assert callable(getattr(module, name))
