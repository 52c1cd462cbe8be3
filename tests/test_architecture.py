"""The floors: imports point down or stay in their folder, and the library knows nothing of
clothes."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for top in ("mrcnn", "fashion") for path in (ROOT / top).rglob("*.py"))

# What the folders of `fashion` share; whatever of fashion/*.py is not named here or in FLOORS is a
# verb.
SHARED = [
    "fashion.config",
    "fashion.augmentation",
    "fashion.pages",
]
FOLDERS = [
    "datasets",
    "attributes",
    "semantic",
    "classify",
    "submission",
    "evaluation",
    "exploration",
]
FLOORS = [
    ["mrcnn.typing"],
    [
        "mrcnn.import_path",
        "mrcnn.keras_internals",
        "mrcnn.setting_checks",
        "mrcnn.moved",
        "mrcnn.files",
        "mrcnn.packages",
        "mrcnn.json_files",
    ],
    ["mrcnn.ops", "mrcnn.config", "mrcnn.process", "mrcnn.locks"],
    ["mrcnn.weights"],
    ["mrcnn.modeling", "mrcnn.data", "mrcnn.drawing"],
    ["mrcnn.training", "mrcnn.inference", "mrcnn.evaluation", "mrcnn.legacy"],
    ["mrcnn.export"],
    ["mrcnn.model", "mrcnn.utils", "mrcnn.visualize", "mrcnn.parallel_model", "mrcnn.startup"],
    ["fashion.labels", "fashion.moved"],
    ["fashion.formats"],
    SHARED + [f"fashion.{folder}" for folder in FOLDERS],
    ["fashion.results"],
    ["fashion.model", "fashion.exported"],
    ["fashion.loading"],
    ["fashion.retrieval"],
    ["fashion.ensembles"],
    ["fashion.cli"],
    ["fashion.reports", "fashion.service"],
    ["fashion.studies"],
    ["fashion.hyperparameters"],
    ["fashion.commands"],
    ["fashion"],
]
NUMPY_ONLY = [
    "mrcnn.data",
    "mrcnn.drawing",
    "mrcnn.evaluation",
    "fashion.labels",
    "fashion.formats",
    "fashion.exploration",
    "fashion.submission",
    "fashion.retrieval",
]
KERAS_TOO = ["mrcnn.data.loading.prefetch", "mrcnn.data.batches", "fashion.retrieval.head"]
TENSORFLOW = [
    "mrcnn.modeling.normalization",
    "mrcnn.modeling.devices",
    "mrcnn.modeling.plain_graphs",
    "mrcnn.training.fused_updates",
    "mrcnn.inference.compiled",
    "mrcnn.export.files",
]


# Words of applications: clothes, contests, web frameworks, table files, options of a command line.
# `--preload` is an option of web servers, in the advice of an error.
FOREIGN = (
    r"(?i:fashion|cloth(?:es|ing)|garment|kaggle|imaterialist|flask|fastapi|gradio|streamlit)"
    r"|\bCSVs?\b|(?<![-\w])--(?!preload)[a-z]\w+"
)


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def inside(module, places):
    return any(module == place or module.startswith(place + ".") for place in places)


def place_of(module):
    """(floor, folder or file) of a module, or None for the package `mrcnn` itself, which holds
    nothing."""
    for floor, places in enumerate(FLOORS):
        for place in places:
            if inside(module, [place]):
                return floor, place
    return None


def imports(path):
    """(line, dotted name) of every import in a file, even inside functions; relative ones made
    absolute."""
    package = (
        module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    )
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = (
                package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            )
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:  # `from mrcnn.data import resize` imports mrcnn.data.resize
                deeper = ROOT.joinpath(*module.split("."), alias.name)
                yield node.lineno, f"{module}.{alias.name}" if _is_module(deeper) else module


def _is_module(path):
    return path.is_dir() or path.with_suffix(".py").exists()


def breaks_a_rule(importer, imported):
    """Why this import is wrong, or None."""
    top = imported.split(".")[0]
    if top == "tensorflow" and not inside(importer, TENSORFLOW):
        return "says tensorflow by name; use keras.ops, or hand the function in"
    if (
        top in ("tensorflow", "keras", "jax", "torch")
        and inside(importer, NUMPY_ONLY)
        and not inside(importer, KERAS_TOO)
    ):
        return "is NumPy only"
    if top not in ("mrcnn", "fashion") or place_of(importer) is None or place_of(imported) is None:
        return None
    (floor, place), (other_floor, other_place) = place_of(importer), place_of(imported)
    if other_floor > floor:
        return f"is on floor {floor} and climbs to floor {other_floor}"
    if other_floor == floor and other_place != place and other_place not in SHARED:
        return (
            "looks at a sibling; move what both need one floor down, or hand it over as an argument"
        )
    return None


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_point_down(path):
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: imports {imported}, but {module_name(path)} {reason}"
        for line, imported in imports(path)
        if (reason := breaks_a_rule(module_name(path), imported))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("mrcnn.modeling.rpn", "mrcnn.ops.boxes", True),
        ("mrcnn.modeling.rpn", "mrcnn.modeling.necks", True),
        ("mrcnn.modeling.rpn", "mrcnn.data.resize", False),  # siblings
        ("mrcnn.ops.boxes", "mrcnn.config", False),  # siblings
        ("mrcnn.ops.boxes", "mrcnn.modeling.rpn", False),  # climbs
        ("mrcnn.model", "fashion.formats.rle", False),
        ("mrcnn.utils", "mrcnn.data.dataset", True),
        ("fashion.datasets.imaterialist", "fashion.formats.rle", True),
        ("fashion.formats.rle", "fashion.train", False),
        ("fashion.labels.ontology", "mrcnn.json_files", True),
        ("fashion.labels.ontology", "fashion.formats.rle", False),  # climbs
        ("fashion.formats.annotation_csv", "fashion.labels.ontology", True),
        ("fashion.formats.submission_table", "fashion.submission.writer", False),
        ("fashion.submission.writer", "fashion.datasets.files", False),
        ("fashion.exploration.page", "fashion.pages.html", True),
        ("fashion.exploration.page", "fashion.evaluation.report", False),
        ("fashion.train", "fashion.submit", True),
        ("fashion.train", "mrcnn.model", True),
        ("mrcnn.data.dataset", "keras", False),
        ("mrcnn.data.loading.prefetch", "keras", True),
        ("mrcnn.ops.boxes", "tensorflow", False),
        ("mrcnn.inference.compiled", "tensorflow", True),
        ("fashion.submission.writer", "tensorflow.keras", False),
    ],
)
def test_the_rule_itself(importer, imported, allowed):
    assert (breaks_a_rule(importer, imported) is None) == allowed


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.is_relative_to(ROOT / "mrcnn")], ids=module_name
)
def test_the_library_knows_no_clothes_no_contest_and_no_web(path):
    """Neither in a name nor in a message, a docstring or a comment."""
    foreign = re.findall(FOREIGN, path.read_text(encoding="utf-8"))
    assert not foreign, "mrcnn serves any application; say it without"


@pytest.mark.parametrize(
    "text", ["Fashionpedia", "a garment", "# pass --resume", "the CSV file", "import flask"]
)
def test_words_of_applications_are_recognised(text):
    assert re.search(FOREIGN, text)


def test_numpy_only_packages_import_without_tensorflow():
    modules = [module_name(path) for path in FILES if path.name != "__main__.py"]
    modules = [
        module for module in modules if inside(module, NUMPY_ONLY) and not inside(module, KERAS_TOO)
    ]
    code = f"""
import importlib, sys
for module in {modules}:
    importlib.import_module(module)
    loaded = sorted({{"tensorflow", "keras", "jax", "torch"}} & set(sys.modules))
    assert not loaded, f"{{module}} imports {{loaded}}"
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_every_name_in_the_tables_is_a_module():
    names = [*sum(FLOORS, []), *NUMPY_ONLY, *KERAS_TOO, *TENSORFLOW]
    assert [name for name in names if not _is_module(ROOT.joinpath(*name.split(".")))] == []


def test_every_folder_is_a_package():
    """setuptools leaves out a folder without __init__.py, and the installed program lacks it."""
    assert not [path.parent for path in FILES if not (path.parent / "__init__.py").exists()]


def test_tests_mirror_the_tree():
    """tests/mrcnn/ops/test_boxes.py tests mrcnn/ops/boxes.py; a folder of tests has a folder of
    code."""
    folders = {
        test.parent.relative_to(ROOT / "tests") for test in (ROOT / "tests").rglob("test_*.py")
    }
    folders -= {
        Path("compat")
    }  # scripts as Matterport's users write them, which go through all the front doors
    assert not [folder for folder in folders if not _is_module(ROOT / folder)]
