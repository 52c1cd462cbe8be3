"""Facts about the documentation: its links lead somewhere, its commands parse, its code runs."""

import importlib
import re
from pathlib import Path

import pytest

from fashion.__main__ import VERBS

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    + [ROOT / folder / "README.md" for folder in ("examples", "weights")]
    + [ROOT / "benchmarks" / "RESULTS.md"]
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
README = ROOT / "README.md"


def name(path):
    return path.relative_to(ROOT).as_posix()


def prose(page):
    """A page without its blocks of code."""
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """What a link may name after #, as GitHub makes it from a heading."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_headings(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in re.findall(r"\]\(([^)\s#]+\.md)", prose(page)):
            if not target.startswith("http"):
                waiting.append((page.parent / target).resolve())
    missing = {name(page) for page in ROOT.glob("docs/**/*.md")} - {name(p) for p in reached}
    assert missing <= {"docs/where-things-live.md"}  # questions for contributors


def test_the_readme_shows_in_two_sentences_and_five_lines_what_it_is():
    text = README.read_text(encoding="utf-8")
    introduction, block = text.split("```")[:2]
    sentences = re.findall(r"[^.]+\.(?=\s)", introduction.split("\n\n", 1)[1] + " ")
    assert len(sentences) == 2
    lines = [line for line in block.splitlines() if line.strip()]
    assert len(lines) == 5
    assert [line.split()[:2] for line in lines] == [
        ["pip", "install"],
        ["fashion", "predict"],
        ["fashion", "train"],
        ["fashion", "evaluate"],
        ["fashion", "submit"],
    ]


def test_the_table_of_the_readme_has_every_command():
    assert set(re.findall(r"`fashion (\w+)`", README.read_text(encoding="utf-8"))) == set(VERBS)


@pytest.mark.slow
@pytest.mark.parametrize("page", [ROOT / "docs" / "library.md"], ids=name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for language, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python" and not code.startswith("# doctest: skip"):
            exec(compile(code, name(page), "exec"), {"__name__": "example"})


def commands():
    """(page, verb, options) of every command in a block of code or between backticks."""
    for page in PAGES:
        if page.name == "CHANGELOG.md":  # old names belong there
            continue
        text = page.read_text(encoding="utf-8")
        code = [block for language, block in BLOCK.findall(text) if language in ("", "sh")]
        lines = "\n".join(code).replace("\\\n", " ").splitlines()
        lines += re.findall(r"`(fashion [^`]+)`", prose(page))
        for line in lines:
            found = re.search(r"\bfashion(?:/| )(\w+)(?:\.py)?(.*)", line.partition("#")[0])
            if found and found[1] in VERBS:
                yield page, found[1], set(re.findall(r"(?<=\s)--[\w-]+", found[2]))


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_commands_in_the_documentation_have_the_options_that_help_shows(verb, capsys):
    module = importlib.import_module(f"fashion.{verb}")
    with pytest.raises(SystemExit):
        module.main(["--help"])
    known = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    unknown = {
        (name(page), option)
        for page, used, options in commands()
        if used == verb
        for option in options - known
    }
    assert not unknown
