"""The report: the scores of predictions as a page, a chapter a file."""
