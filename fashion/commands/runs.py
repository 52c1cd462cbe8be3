"""Body of `runs`: lists run folders as a table, as JSON or as CSV, and writes pages of runs."""

import argparse
import csv
import json
import sys

from fashion.cli.locks import working_in
from fashion.reports.run_facts import RunFacts, find_runs, read_run
from fashion.reports.run_table import record_of, sorted_runs, table_rows
from mrcnn.drawing.tables import text_table


def run(args: argparse.Namespace) -> list[RunFacts]:
    """Lists runs, or writes pages, as the arguments ask.

    Args:
        args: Result of `fashion.runs.parse`.

    Returns:
        The facts of the runs, in the order of the table.

    Raises:
        FileNotFoundError: There are no runs.
    """
    if args.page:
        return [_write_page(folder) for folder in args.page]
    folders = find_runs(args.folder)
    if not folders:
        raise FileNotFoundError(
            f"There are no runs in {args.folder}: no folder with a config.json of `fashion train`."
        )
    runs = sorted_runs([read_run(folder) for folder in folders], args.sort)
    if args.format == "table":
        print(text_table(table_rows(runs)))
    elif args.format == "json":
        print(json.dumps([record_of(facts) for facts in runs], indent=1))
    else:
        writer = csv.DictWriter(sys.stdout, list(record_of(runs[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(record_of(facts) for facts in runs)
    return runs


def _write_page(folder):
    from fashion.reports.run_page import write_run_page  # not at the top: it imports Keras

    facts = read_run(folder)  # first: what is not a run folder gets no lock
    with working_in(folder, "runs"):
        print(write_run_page(folder))
    return facts
