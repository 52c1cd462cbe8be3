"""Prints the documentation of every metric, or writes it into a page: docs/metrics.md."""

import sys
from pathlib import Path

from fashion.evaluation.metrics.documentation import markdown, updated
from fashion.evaluation.metrics.registry import METRICS

if __name__ == "__main__":
    if sys.argv[1:]:
        page = Path(sys.argv[1])
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(markdown(METRICS.values()))
