"""sys.path as scripts leave it: with paths that are not text, and with clones of Matterport's
code."""

import importlib.util
import logging
import sys
from pathlib import Path

import pytest

from mrcnn.import_path import use_text_only, warn_of_older_copies


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_paths_and_bytes_become_text_and_what_is_no_path_goes(tmp_path):
    kept = sys.path
    before = list(kept)
    kept += [tmp_path, str(tmp_path / "b").encode(), None, 3]
    use_text_only()
    assert sys.path is kept and kept == [*before, str(tmp_path), str(tmp_path / "b")]


def test_a_path_that_is_added_later_is_text_when_tensorflow_is_looked_for(tmp_path):
    use_text_only()
    sys.path.append(tmp_path)
    modules = {name: sys.modules.pop(name) for name in ("keras",) if name in sys.modules}
    importlib.util.find_spec("keras")
    sys.modules.update(modules)
    assert sys.path[-1] == str(tmp_path)


def clone(folder):
    (folder / "mrcnn").mkdir(parents=True)
    for name in ("__init__.py", "model.py", "config.py"):
        (folder / "mrcnn" / name).touch()
    return folder


def test_a_clone_of_matterports_is_warned_of(tmp_path, caplog):
    sys.path.append(str(clone(tmp_path / "Mask_RCNN")))
    with caplog.at_level(logging.WARNING):
        assert warn_of_older_copies() == [str(tmp_path / "Mask_RCNN" / "mrcnn")]
    assert "An older mrcnn lies on sys.path" in caplog.text and str(tmp_path) in caplog.text


def test_this_package_other_checkouts_of_it_and_other_folders_are_none(tmp_path, caplog):
    other = clone(tmp_path / "checkout")
    (other / "mrcnn" / "data").mkdir()
    (other / "mrcnn" / "data" / "dataset.py").touch()
    sys.path += [
        str(other),
        str(tmp_path),
        str(Path(__file__).parents[2]),
        "",
        str(tmp_path / "gone"),
    ]
    assert warn_of_older_copies() == [] and not caplog.text
