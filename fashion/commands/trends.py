"""Body of `trends`: reads a catalogue and dates, prints what rises and falls, writes a page."""

import argparse
from datetime import datetime
from pathlib import Path

from fashion.cli.locks import working_in
from fashion.retrieval.image_dates import dates_of
from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.trend_page import write_trends
from fashion.retrieval.trends import trends_of


def run(args: argparse.Namespace) -> Path:
    """Measures trends as the arguments ask.

    Args:
        args: Result of `fashion.trends.parse`.

    Returns:
        Path of the page.

    Raises:
        ValueError: No image has a date, or the CSV cannot be read.
    """
    with GarmentIndex.open(args.index) as index:
        category = args.category and index.category_named(args.category)
        garments = list(index.garments())
    dates = dates_of(args.dates, garments)
    result = trends_of(
        garments,
        dates,
        args.by,
        min_count=args.min_count,
        alpha=args.alpha,
        category=category,
        score=args.conf or 0.0,
        attribute_score=args.attr_conf or 0.0,
        seasonal=args.seasonal,
        shoots=args.shoots,
    )
    facts = {
        "catalogue": str(args.index),
        "dates": str(args.dates),
        "written": f"{datetime.now():%Y-%m-%d %H:%M}",
    }
    with working_in(args.out, "trends"):
        page = write_trends(args.out, result, facts)
    print(result["summary"])
    print(f"page: {page}; numbers: {args.out / 'trends.csv'}, {args.out / 'trends.json'}")
    return page
