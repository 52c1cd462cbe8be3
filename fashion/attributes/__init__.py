"""Attributes: what garments look like, predicted for every roi through the library's one extension point."""
