"""Attributes: what garments look like, predicted for every RoI through the extension point."""
