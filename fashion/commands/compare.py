"""Body of `compare`: reads runs and evaluations, prints their scores and writes one page."""

import argparse
import csv
import io
import logging
from pathlib import Path

from fashion.cli.locks import working_in
from fashion.reports.comparison import category_rows, read_entries, score_rows, warnings
from fashion.reports.comparison_page import write_comparison
from mrcnn.drawing.tables import text_table
from mrcnn.files import write_text

log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> Path:
    """Compares runs as the arguments ask.

    Args:
        args: Result of `fashion.compare.parse`.

    Returns:
        Path of the page.
    """
    entries = read_entries(args.runs)
    for sentence in warnings(entries):
        log.warning("%s", sentence)
    rows = score_rows(entries)
    print(text_table(rows))
    with working_in(args.out, "compare"):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(rows)
        categories = category_rows(entries)
        if categories:
            writer.writerow([])
            writer.writerows(categories)
        write_text(args.out / "comparison.csv", text.getvalue())
        page = write_comparison(args.out, entries)
    print(f"page: {page}; table: {args.out / 'comparison.csv'}")
    return page
