"""Every public function says what it takes, what it returns and in which units.

`python tests/test_docstrings.py mrcnn/ops fashion/train.py` lists what is missing there.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Their contract is that of the Keras class they override.
KERAS_OVERRIDES = {
    "call",
    "build",
    "get_config",
    "from_config",
    "compute_output_shape",
    "compute_output_spec",
    "train_step",
    "test_step",
    "predict_step",
    "compile",
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def public_functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef, bool]]:
    """Yields `(qualified name, node, is a method)` of every public function and method."""

    def visit(body, prefix, in_class):
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from visit(node.body, f"{prefix}{node.name}.", True)
            elif isinstance(node, FUNCTIONS) and not node.name.startswith("_"):
                yield f"{prefix}{node.name}", node, in_class

    yield from visit(ast.parse(path.read_text(encoding="utf-8")).body, "", False)


def parameters(node: ast.FunctionDef, is_method: bool) -> list[ast.arg]:
    """Returns the parameters without `self`, `cls` and private ones."""
    listed = [*node.args.posonlyargs, *node.args.args]
    is_static = any(getattr(d, "id", "") == "staticmethod" for d in node.decorator_list)
    if is_method and not is_static:
        listed = listed[1:]
    listed += node.args.kwonlyargs
    listed += [arg for arg in (node.args.vararg, node.args.kwarg) if arg]
    return [arg for arg in listed if not arg.arg.startswith("_")]


def complaints(path: Path) -> Iterator[str]:
    """Yields one line for each thing that is missing in a file."""
    for name, node, is_method in public_functions(path):
        decorators = {getattr(d, "attr", getattr(d, "id", "")) for d in node.decorator_list}
        is_override = is_method and (
            node.name in KERAS_OVERRIDES or node.name.startswith("on_") or "override" in decorators
        )
        where = f"{path}:{node.lineno}: {name}"
        arguments = parameters(node, is_method)
        untyped = [arg.arg for arg in arguments if arg.annotation is None]
        if untyped:
            yield f"{where}: no type for {', '.join(untyped)}"
        if node.returns is None:
            yield f"{where}: no return type"
        if is_override or "overload" in decorators:
            continue
        text = ast.get_docstring(node)
        if not text:
            yield f"{where}: no docstring"
            continue
        described = set(re.findall(r"^ {4}\*{0,2}(\w+)(?: \([^)]*\))?:", text, re.MULTILINE))
        missing = [arg.arg for arg in arguments if arg.arg not in described]
        if missing:
            yield f"{where}: Args: lacks {', '.join(missing)}"
        returns = ast.unparse(node.returns) if node.returns else "None"
        is_attribute = decorators & {"property", "cached_property"}
        nothing = returns in ("None", "NoReturn") or is_attribute or "setter" in decorators
        if not nothing and not re.search(r"^(Returns|Yields):", text, re.MULTILINE):
            yield f"{where}: no Returns: section"


@pytest.mark.parametrize("top", ["mrcnn", "fashion"])
def test_public_functions_are_documented_and_typed(top):
    files = sorted((ROOT / top).rglob("*.py"))
    assert not [line for file in files for line in complaints(file)]


def test_what_is_missing_is_named(tmp_path):
    file = tmp_path / "module.py"
    file.write_text('def f(a, b: int):\n    """Adds.\n\n    Args:\n        b: B.\n    """\n')
    assert [line.split(": ", 2)[-1] for line in complaints(file)] == [
        "no type for a",
        "no return type",
        "Args: lacks a",
    ]


if __name__ == "__main__":
    count = 0
    for argument in sys.argv[1:]:
        place = Path(argument)
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            for line in complaints(file):
                print(line)
                count += 1
    sys.exit(f"{count} complaints" if count else 0)
