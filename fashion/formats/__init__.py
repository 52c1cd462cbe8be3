"""Formats: files that people bring along, read and checked before anything uses them."""
