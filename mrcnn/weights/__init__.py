"""Weight files: read, written, downloaded. Knows layers, not detectors; pickled code never runs."""
