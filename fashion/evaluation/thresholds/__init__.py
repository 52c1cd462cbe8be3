"""Thresholds on scores, masks and attributes: a table, its file, and the search for the best."""
