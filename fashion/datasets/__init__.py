"""Data sets: photos with annotations of many formats, and how they are split and copied."""

from typing import Any

__all__ = ["open_data"]


def __getattr__(name: str) -> Any:
    """Imports `open_data` when it is asked for: command lines are parsed without it."""
    if name == "open_data":
        from fashion.datasets.files import open_data

        return open_data
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
