"""Command line: what the verbs share, below them and above every other room but `studies`.

The names of `__all__` are imported when they are first used: `--help` and errors about arguments
wait for nothing that they do not need.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fashion.cli.data import SAMPLE_FOLDER, open_files
    from fashion.cli.errors import run_verb
    from fashion.cli.interrupts import resumable
    from fashion.cli.locks import working_in
    from fashion.cli.options import (
        SHIPPED_WEIGHTS,
        add_data_arguments,
        add_option,
        model_settings,
    )
    from fashion.cli.parser import Parser
    from fashion.cli.quiet import without_retracing_warnings

__all__ = [
    "SAMPLE_FOLDER",
    "SHIPPED_WEIGHTS",
    "Parser",
    "add_data_arguments",
    "add_option",
    "model_settings",
    "open_files",
    "resumable",
    "run_verb",
    "without_retracing_warnings",
    "working_in",
]

_HOMES = {
    "SAMPLE_FOLDER": "data",
    "SHIPPED_WEIGHTS": "options",
    "Parser": "parser",
    "add_data_arguments": "options",
    "add_option": "options",
    "model_settings": "options",
    "open_files": "data",
    "resumable": "interrupts",
    "run_verb": "errors",
    "without_retracing_warnings": "quiet",
    "working_in": "locks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # the next look-up does not come here
    return value
