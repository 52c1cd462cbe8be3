"""Documentation of the metrics as Markdown, for docs/metrics.md."""

import textwrap
from collections.abc import Iterable

from fashion.evaluation.metrics.registry import METRICS, Metric

# The part of docs/metrics.md between these lines is written by `python -m
# fashion.evaluation.metrics`.
BEGIN, END = "<!-- metrics: begin -->", "<!-- metrics: end -->"
_WIDTH = 140  # as the other pages


def markdown(entries: Iterable[Metric]) -> str:
    """Writes a section for each metric.

    Args:
        entries: Of the registry.

    Returns:
        Markdown.
    """
    return "\n\n".join(map(_section, entries))


def updated(page: str) -> str:
    """Replaces the sections of a page.

    Args:
        page: Markdown with `BEGIN` and `END`, each on a line.

    Returns:
        The page with the sections of all registered metrics.

    Raises:
        ValueError: If the lines are missing.
    """
    before, begin, rest = page.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The page has no lines {BEGIN} and {END}; the sections go between them.")
    return f"{before}{BEGIN}\n\n{markdown(METRICS.values())}\n\n{END}{after}"


def _section(entry: Metric) -> str:
    lines = [f"## `{entry.key}`: {entry.title}", ""]
    source = f" Source: {entry.source}." if entry.source else ""
    paragraphs = [f"{entry.formula[0].upper()}{entry.formula[1:]}.{source}"]
    paragraphs += entry.documentation.split("\n\n") if entry.documentation else []
    for paragraph in paragraphs:
        lines += [
            *textwrap.wrap(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False),
            "",
        ]
    if entry.numbers:
        lines += ["| key | meaning |", "|---|---|"]
        lines += [f"| `{key}` | {meaning} |" for key, meaning in entry.numbers.items()]
    return "\n".join(lines).rstrip()
