"""American spelling in what users read: help texts, messages, pages and documentation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Stems of British spellings that this project could use. `catalogue` is the name of a verb.
BRITISH = re.compile(
    r"\b\w*(?:colour|\bgrey|centre|optimis(?!t)|normalis|localis|recognis|initialis|organis|summaris"
    r"|generalis|regularis|minimis|maximis|randomis|quantis|memoris|rasteris|visualis|specialis"
    r"|categoris|penalis|standardis|emphasis(?=e|i)|behaviour|neighbour|favour|honour|labell"
    r"|cancell(?!ation)|modell(?!ib)|travell|analyse(?!s\b)|licence|learnt|spelt|fulfil\b|judgement"
    r"|artefact|programme\b|metre|fibre|whilst|amongst)\w*",
    re.IGNORECASE,
)
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("*/*.md")),
    *sorted(ROOT.glob("docs/how-to/*.md")),
    *sorted(ROOT.glob("fashion/web/*.html")),
]
CODE = [path for room in ("fashion", "mrcnn") for path in sorted((ROOT / room).rglob("*.py"))]


def docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    """Yields the nodes of docstrings, which users do not see."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                yield node.body[0].value


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yields `(line, text)` of the strings in a file of code; a verb's docstring is its help."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = set(docstrings(tree))
    if path.parent == ROOT / "fashion":
        hidden -= {tree.body[0].value}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in hidden:
            yield node.lineno, node.value


def british(text: str) -> list[str]:
    """Returns the British spellings in a text. Code, between backticks, keeps its names."""
    return BRITISH.findall(re.sub(r"`[^`\n]*`", "", text))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_documentation_is_in_american_english(path):
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    found = [(number, words) for number, line in lines if (words := british(line))]
    assert not found


def test_help_and_messages_are_in_american_english():
    found = []
    for path in CODE:
        for line, text in texts(path):
            found += [f"{path.relative_to(ROOT)}:{line}: {word}" for word in british(text)]
    assert not found


@pytest.mark.parametrize(
    "word", ["colour", "Grey", "normalised", "labelled", "optimiser", "centred"]
)
def test_british_words_are_found(word):
    assert british(f"a {word} thing") == [word]


@pytest.mark.parametrize(
    "word", ["optimistic", "analyses", "modellib", "emphasis", "cancellation", "catalogue"]
)
def test_other_words_are_not(word):
    assert british(f"a {word} thing") == []
