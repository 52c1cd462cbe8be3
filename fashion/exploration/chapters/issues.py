"""The chapter of data issues: annotations that a person should look at."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fashion.exploration.data_issues import KINDS
from fashion.pages.html import Page
from fashion.pages.text import count

_LISTED = 12  # issues of a kind on the page; suspicious.csv has all


def add_chapter(page: Page, issues: Sequence[Mapping[str, Any]]) -> None:
    """Adds the chapter.

    Args:
        page: The page so far.
        issues: "suspicious" of the analysis.
    """
    page.chapter("Data issues")
    if not issues:
        page.text("No issues were found.")
        return
    number = Counter(row["kind"] for row in issues)
    kinds = [kind for kind in KINDS if number[kind]]
    totals = ", ".join(f"{kind} {number[kind]:,}" for kind in kinds)
    page.text(
        f"{count(len(issues), 'issue')}: {totals}. suspicious.csv lists all, with file and line."
    )
    for kind in kinds:
        _add_kind(page, kind, [row for row in issues if row["kind"] == kind])


def _add_kind(page: Page, kind: str, issues: Sequence[Mapping[str, Any]]) -> None:
    page.section(f"{kind.capitalize()} ({len(issues):,})")
    page.text(KINDS[kind])
    if kind == "wrong row":
        # Names and numbers left out, so that equal reasons are counted together.
        reasons = Counter(re.sub(r"'[^']*'|\d+", "…", row["detail"]) for row in issues)
        if len(reasons) < len(issues):
            common = [[f"{n:,}", reason] for reason, n in reasons.most_common(_LISTED)]
            page.table([["rows", "reason"], *common])
    table = [["file", "line", "image", "class", "detail"]]
    for row in issues[:_LISTED]:
        table.append([f"{row['csv']}.csv", row["line"], row["image"], row["class"], row["detail"]])
    page.table(table)
    if len(issues) > _LISTED:
        order = "" if kind == "wrong row" else ", the worst first"
        page.note(f"{_LISTED} of {len(issues):,}{order}.")
