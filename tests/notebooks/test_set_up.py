"""Facts about the set-up of the quickstart notebook: in a fresh environment it finds the project
wherever Colab, Kaggle or a clone has it, and says what to do where there is none."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "01_quickstart.ipynb"
PROJECT = ("setup.py", "pyproject.toml", "LICENSE", "mrcnn", "fashion", "weights", "notebooks")
# The project is used from its new place, and what it depends on was found.
CHECK = """
import mrcnn, fashion.datasets.files
print("imported from", mrcnn.__file__)
"""
COLAB = """
import sys, types, shutil
def upload():
    shutil.copy({path!r}, ".")
    return {{{name!r}: b""}}
colab = types.ModuleType("google.colab")
colab.files = types.SimpleNamespace(upload=upload)
sys.modules["google.colab"] = colab
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A new virtual environment that has the packages that we need, but not the project."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True)
    # Nested .pth files, such as that of an editable installation, are not read.
    Path(site.stdout.strip(), "packages.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project as GitHub's zip has it: one folder with another name."""
    folder = tmp_path_factory.mktemp("download") / "fashion-mask-rcnn-main"
    folder.mkdir()
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


@pytest.fixture(scope="module")
def archive(project):
    path = project.parent / f"{project.name}.zip"
    with zipfile.ZipFile(path, "w") as file:
        for source in project.rglob("*"):
            file.write(source, source.relative_to(project.parent))
    return path


@pytest.fixture(scope="module")
def wheel(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(project, source)
    build = f"import setuptools.build_meta as b; b.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture
def set_up(environment, tmp_path):
    """Runs the cells up to the data in a new process without internet; returns the process."""
    cells = [c for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.cell_type == "code"]
    ends = next(i for i, c in enumerate(cells) if "tables =" in c.source)
    code = "\n".join(c.source for c in cells[:ends])
    assert "pip" in code

    def run(folder=tmp_path, before="", **settings):
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        variables |= {"PIP_NO_INDEX": "1", "PYTHONPATH": ""}
        variables["FASHION_NOTEBOOK_INPUT"] = str(tmp_path / "nothing")
        variables |= {f"FASHION_NOTEBOOK_{k}": str(v) for k, v in settings.items()}
        return subprocess.run(
            [environment, "-c", f"{before}\n{code}\n{CHECK}"],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
        )

    return run


def place(process):
    """Folder that the project was imported from."""
    assert process.returncode == 0, process.stdout + process.stderr
    return Path(process.stdout.rpartition("imported from ")[2].strip()).parents[1]


def test_in_a_clone_the_folder_around_the_notebook_is_taken(set_up, project):
    assert place(set_up(project / "notebooks")) == project


def test_a_zip_in_the_working_directory_is_unpacked(set_up, archive, tmp_path):
    shutil.copy(archive, tmp_path)
    folder = tmp_path / "fashion-mask-rcnn" / "fashion-mask-rcnn-main"
    assert place(set_up()) == folder


def test_an_attached_folder_is_copied_since_it_cannot_be_written(set_up, project, tmp_path):
    attached = tmp_path / "input" / "some-data-set" / project.name
    shutil.copytree(project, attached)
    os.chmod(attached, 0o555)
    try:
        where = place(set_up(INPUT=tmp_path / "input"))
    finally:
        os.chmod(attached, 0o755)
    # root may write everywhere, and then there is no need for a copy
    assert where == (attached if os.geteuid() == 0 else tmp_path / "fashion-mask-rcnn")


def test_a_repository_is_cloned(set_up, project, tmp_path):
    repository = tmp_path / "repository"
    shutil.copytree(project, repository)
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], cwd=repository, check=True, capture_output=True)
    work = tmp_path / "work"
    work.mkdir()
    where = place(set_up(work, REPOSITORY=repository.as_uri()))
    assert where == work / "fashion-mask-rcnn"


def test_on_colab_an_uploaded_zip_serves(set_up, archive, tmp_path):
    colab = COLAB.format(path=str(archive), name=archive.name)
    assert place(set_up(before=colab)).is_relative_to(tmp_path / "fashion-mask-rcnn")


def test_without_the_project_an_error_says_what_to_do(set_up):
    process = set_up()
    assert process.returncode == 1
    assert "Set REPOSITORY in the first cell, or put a zip" in process.stderr


def test_an_attached_wheel_is_installed(set_up, wheel, environment, tmp_path):
    """Last: the environment has the project from then on."""
    (tmp_path / "input" / "wheels").mkdir(parents=True)
    shutil.copy(wheel, tmp_path / "input" / "wheels")
    where = place(set_up(INPUT=tmp_path / "input"))
    assert where.is_relative_to(environment.parents[1])
