"""The report: what `every_score.score_stored` returns as a page to read."""
