"""Facts about the package: what it asks for, what it brings, and that all parts name the same
version."""

import ast
import json
import os
import re
import stat
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """What is built, in a folder that may be written to."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "pyproject.toml", "LICENSE", "mrcnn", "fashion", "weights"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source):
    """The wheel that pip would build, made without the network by the setuptools at hand."""
    build = "import setuptools.build_meta as backend; print(backend.build_wheel('.'))"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next(source.glob("*.whl"))) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    return message_from_string(wheel.read(name).decode())


def test_the_wheel_holds_every_module(wheel):
    ours = {
        path.relative_to(ROOT).as_posix()
        for top in ("mrcnn", "fashion")
        for path in (ROOT / top).rglob("*.py")
    }
    packed = {name for name in wheel.namelist() if name.endswith(".py")}
    assert packed == ours


def test_wheels_bring_a_line_that_python_runs_when_it_starts(wheel):
    line = wheel.read("fashion_mask_rcnn_startup.pth").decode()
    assert line.startswith("import ") and "WaitsForImports" in line and line.count("\n") == 1
    record = next(name for name in wheel.namelist() if name.endswith("/RECORD"))
    assert "fashion_mask_rcnn_startup.pth" in wheel.read(record).decode()  # so pip removes it, too


def test_an_editable_installation_brings_it_as_well(source, tmp_path):
    build = f"import setuptools.build_meta as backend; backend.build_editable({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        assert "WaitsForImports" in archive.read("fashion_mask_rcnn_startup.pth").decode()


def test_the_wheel_holds_the_official_labels(wheel):
    labels = [name for name in wheel.namelist() if re.fullmatch(r"fashion/labels/.*\.json", name)]
    assert len(labels) >= 2
    for name in labels:
        json.loads(wheel.read(name))


def test_the_wheel_holds_the_shipped_model_where_the_verbs_look_for_it(wheel):
    from fashion.cli import SHIPPED_WEIGHTS

    names = set(wheel.namelist())
    assert f"fashion/weights/{SHIPPED_WEIGHTS.name}" in names and SHIPPED_WEIGHTS.exists()
    for name in ("ccp", "street-small"):
        assert {f"fashion/weights/{name}{end}" for end in (".h5", ".settings.json")} <= names


def test_the_command_exists(wheel):
    name = next(name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    assert "fashion = fashion.__main__:main" in wheel.read(name).decode()
    source = (ROOT / "fashion" / "__main__.py").read_text(encoding="utf-8")
    functions = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    assert "main" in functions


def test_the_name_is_our_own_and_the_version_is_the_changelogs(metadata):
    assert metadata["Name"] == "fashion-mask-rcnn"
    versions = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\]",
        (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert metadata["Version"] == versions[0]


def test_requirements_are_ranges(metadata):
    """A floor that we need and a ceiling where things may break; exact pins would break shared
    notebooks."""
    for requirement in metadata.get_all("Requires-Dist"):
        bounds, _, marker = requirement.partition(";")
        assert "==" not in bounds and "~=" not in bounds and ">=" in bounds, requirement
        assert "<" in bounds or bounds.startswith("setuptools"), requirement
        assert not marker or "extra" in marker, requirement


def test_what_is_installed_here_is_within_the_ranges(metadata):
    requirements = pytest.importorskip("packaging.requirements")
    from importlib.metadata import PackageNotFoundError, version

    for text in metadata.get_all("Requires-Dist"):
        requirement = requirements.Requirement(text)
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            continue  # opencv-python gives way to its headless twin
        assert requirement.specifier.contains(installed, prereleases=True), (
            f"{text}, and {installed} is installed"
        )


def test_every_supported_python_is_named(metadata):
    assert metadata["Requires-Python"] == ">=3.11"
    assert sys.version_info >= (3, 11)


def test_extras_are_the_documented_ones(metadata):
    assert set(metadata.get_all("Provides-Extra")) == {
        "albumentations",
        "catalogue",
        "export",
        "imagenet",
        "notebook",
        "qdrant",
        "search",
        "serve",
        "test",
    }


def test_settings_are_strict():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert settings["ruff"]["line-length"] == 100
    assert {"--import-mode=importlib", "--strict-markers"} <= set(
        settings["pytest"]["ini_options"]["addopts"]
    )


def test_ci_runs_lint_and_all_tests_and_nothing_else():
    script = ROOT / ".ci" / "run"
    assert os.stat(script).st_mode & stat.S_IXUSR
    commands = [
        line
        for line in script.read_text().splitlines()
        if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert commands == [
        "make lint",
        "make test",
        "make browser",
        "make test-rest KILLS=4 FUZZ_EXAMPLES=1000",
    ]


# Modules whose distribution has another name.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}
# Imported only where users or extras bring them.
OPTIONAL = {"IPython", "albumentations", "jax", "onnx", "onnxruntime", "torch", "torchvision"}
OPTIONAL |= {"fastapi", "starlette", "pydantic", "uvicorn"}  # FastAPI brings two of them
OPTIONAL |= {"optuna", "sqlalchemy"}  # Optuna brings the other


def test_every_package_that_is_imported_is_required(metadata):
    required = {
        re.split(r"[^\w-]", text)[0].lower()
        for text in metadata.get_all("Requires-Dist")
        if "extra" not in text
    }
    imported = {}
    for top in ("mrcnn", "fashion"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module]
                for name in names:
                    imported.setdefault(name.partition(".")[0], path)
    foreign = set(imported) - set(sys.stdlib_module_names) - {"mrcnn", "fashion"} - OPTIONAL
    missing = {
        name: str(imported[name])
        for name in foreign
        if DISTRIBUTIONS.get(name, name).lower() not in required
    }
    assert not missing
