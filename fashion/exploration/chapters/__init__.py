"""The chapters of the exploration page, one file each."""
