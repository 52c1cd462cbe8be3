"""The .pth line: what every Python of the environment runs when it starts."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMGAUG = importlib.util.find_spec("imgaug")


@pytest.fixture(scope="module")
def line():
    """What setup.py writes; its call of setup() is left out."""
    source = (ROOT / "setup.py").read_text(encoding="utf-8").partition("readme =")[0]
    names = {"__file__": str(ROOT / "setup.py")}
    exec(compile(source, "setup.py", "exec"), names)
    return names["startup_line"]()


def run(line, code, folder, *paths):
    """What Python prints that finds the line in a folder of packages, and this project below it on
    its path."""
    (folder / "startup.pth").write_text(line)
    begin = (
        f"import site, sys; sys.path += {[*map(str, paths), str(ROOT)]}; "
        f"site.addsitedir({str(folder)!r}); "
    )
    done = subprocess.run(
        [sys.executable, "-c", begin + code],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": ""},
    )
    return done.stdout.strip(), done.stderr.strip()


def test_it_is_one_line_that_python_executes(line):
    assert line.startswith("import ") and line.endswith("\n") and line.count("\n") == 1


def test_it_imports_nothing_and_takes_a_millisecond_or_less(line):
    """In a Python that starts without it (-S): in this one imgaug may be imported already."""
    code = f"""
import sys, time
line, before, finders, spent = {line!r}, set(sys.modules), list(sys.meta_path), []
for _ in range(5):
    sys.meta_path[:] = finders
    began = time.process_time()
    exec(line, {{}})
    spent.append(time.process_time() - began)
print(set(sys.modules) == before, len(sys.meta_path) - len(finders), min(spent) < 0.001)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "1", "True"]


@pytest.mark.slow
@pytest.mark.skipif(IMGAUG is None, reason="imgaug is not installed")
def test_imgaug_can_be_imported_first(line, tmp_path):
    code = (
        "import imgaug; from imgaug import augmenters; import mrcnn; "
        "augmenters.Fliplr(0.5); print(imgaug.__version__)"
    )
    assert run(line, code, tmp_path)[0].startswith("0.4")


def test_without_this_package_imports_are_as_they_were(line, tmp_path):
    (tmp_path / "imgaug.py").write_text("name = 'another'")
    code = (
        f"sys.path.remove({str(ROOT)!r}); sys.path.insert(0, ''); "
        f"sys.modules['mrcnn'] = None; import imgaug; print(imgaug.name)"
    )
    assert run(line, code, tmp_path) == ("another", "")


@pytest.mark.parametrize(
    "fault",
    [
        ("sys.meta_path", "sys.no_such_list"),
        ("def wait_for_imports", "def another"),
        ("class ", "klass "),
    ],
)
def test_no_fault_of_it_stops_python(line, fault, tmp_path):
    assert run(line.replace(*fault), "print('goes on')", tmp_path) == ("goes on", "")


def test_an_older_copy_that_wins_is_named(line, tmp_path):
    old = tmp_path / "Mask_RCNN" / "mrcnn"
    old.mkdir(parents=True)
    (old / "__init__.py").touch()
    out, err = run(line, "import mrcnn; print(mrcnn.__file__)", tmp_path, old.parent)
    assert out == str(old / "__init__.py") and f"takes the older copy in {old}" in err
    assert run(line, "import mrcnn", tmp_path)[1] == ""
