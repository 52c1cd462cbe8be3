"""The code on the how-to pages runs, and the files that they name exist."""

import re
from pathlib import Path

import pytest

from fashion.evaluation.metrics.registry import METRICS

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "how-to").glob("add-*.md"))
# Files that a page asks the reader to create.
NEW = {
    "fashion/commands/count.py",
    "fashion/count.py",
    "fashion/datasets/readers/mine.py",
    "fashion/evaluation/metrics/confident_share.py",
    "mrcnn/modeling/backbones/plain.py",
    "tests/fashion/evaluation/metrics/test_confident_share.py",
    "tests/fashion/test_count.py",
}


@pytest.fixture
def registry():
    before = dict(METRICS)
    yield
    METRICS.clear()
    METRICS.update(before)


def blocks(page):
    """Python blocks that stand for themselves."""
    found = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in found if not block.startswith("# doctest: skip")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, registry):
    names = {"__name__": "example", "__package__": "example"}
    for block in blocks(page):
        exec(compile(block, page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_files_that_exist(page):
    named = re.findall(r"`((?:fashion|mrcnn|tests|docs|benchmarks)/[\w/.-]*)`", page.read_text())
    assert named
    assert not [name for name in named if name not in NEW and not (ROOT / name).exists()]


def test_the_index_lists_every_page():
    index = (ROOT / "docs" / "how-to" / "README.md").read_text()
    assert {p.name for p in PAGES} == set(re.findall(r"\((add-[\w-]+\.md)\)", index))
