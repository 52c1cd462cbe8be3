"""Facts about the quickstart notebook: it is committed clean, finds attached data, and runs from
data to a submission."""

import os
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import load_imaterialist
from fashion.datasets.sample import make_sample
from fashion.submission.checker import check

PATH = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"
UNCOMPILED = f"""
import runpy
import pytest
tools = runpy.run_path({str(Path(__file__).parents[1] / "conftest.py")!r})
tools["leave_uncompiled"](pytest.MonkeyPatch())
"""
LAYOUTS = ["imaterialist-fashion-2020-fgvc7", "competitions/imaterialist-fashion-2020-fgvc7"]


@pytest.fixture
def notebook():
    return nbformat.read(PATH, as_version=4)


@pytest.fixture
def run_cells(notebook, tmp_path, monkeypatch):
    """Runs the code cells in which a text occurs, in this process and a folder of their own;
    returns their variables."""
    monkeypatch.chdir(tmp_path)

    def run(root, *texts):
        monkeypatch.setenv("FASHION_NOTEBOOK_INPUT", str(root))
        names = {}
        for text in texts:
            for cell in code_cells(notebook):
                if text in cell.source:
                    exec(compile(cell.source, "cell", "exec"), names)
        return names

    return run


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_committed_notebook_is_valid_and_holds_no_output(notebook):
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        assert not cell.outputs and cell.execution_count is None


def test_no_path_of_a_machine_but_kaggles_is_named(notebook):
    paths = re.findall(
        r"""["'`\s]((?:/|~/|[A-Z]:\\)[\w.-]+[\w./\\-]*)""",
        "\n".join(cell.source for cell in notebook.cells),
    )
    assert set(paths) == {"/kaggle/input"}


def test_nothing_that_could_be_reused_is_defined(notebook):
    assert not re.search(
        r"^\s*(def|class) ", "\n".join(cell.source for cell in code_cells(notebook)), re.MULTILINE
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_attached_data_are_found_and_other_contests_passed_over(run_cells, tmp_path, layout):
    root = tmp_path / "input"
    for folder, header in (
        ("a-titanic", "PassengerId,Survived"),
        (layout, "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds"),
    ):
        (root / folder).mkdir(parents=True)
        (root / folder / "train.csv").write_text(header + "\n")
    assert run_cells(root, "KAGGLE_INPUT =", "import importlib.util", "tables =")["DATA"] == str(
        root / layout
    )


def test_without_attached_data_the_built_in_ones_serve(run_cells, tmp_path):
    assert (
        run_cells(tmp_path / "nothing", "KAGGLE_INPUT =", "import importlib.util", "tables =")[
            "DATA"
        ]
        is None
    )


@pytest.mark.full
def test_it_runs_from_data_to_a_checked_submission(notebook, tmp_path, monkeypatch):
    """As it is, but for graphs, which take longer to trace than these few steps:
    tests/fashion/test_train_whole.py has them."""
    client = pytest.importorskip("nbclient")
    folder = make_sample(tmp_path / "input" / "sample", train=8, val=4)
    for name, value in {
        "INPUT": tmp_path / "input",
        "STAGE": "heads",
        "SETTINGS": "STEPS_PER_EPOCH=1 VALIDATION_STEPS=1 EVALUATE_EVERY=2 EVALUATE_IMAGES=2",
    }.items():
        monkeypatch.setenv(f"FASHION_NOTEBOOK_{name}", str(value))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "uncompiled.py").write_text(UNCOMPILED)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(PATH.parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    client.NotebookClient(
        notebook, timeout=300, startup_timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()

    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    wrong = [
        o
        for o in outputs
        if o.output_type == "error"
        or o.get("name") == "stderr"
        and re.search(r"Traceback|Error\b|^error", o.text)
    ]
    assert not wrong
    assert (
        sum("image/png" in output.get("data", {}) for output in outputs) == 2
    )  # the history and the predictions
    files = find_data(folder)
    photos = load_imaterialist(files.val_csv, files.images_dir, files.ontology()).image_info
    images = {info["id"]: (info["height"], info["width"]) for info in photos}
    assert not check(tmp_path / "submission.csv", images, 2020, files.ontology())
    assert set(pd.read_csv(tmp_path / "submission.csv")["ImageId"]) == set(images)
