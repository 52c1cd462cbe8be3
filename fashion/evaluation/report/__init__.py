"""The report: what `scoring.score_stored` returns as a page to read."""
