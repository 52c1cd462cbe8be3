"""The report: what `scoring.score_predictions` returns as a page to read."""
