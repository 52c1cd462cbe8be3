"""Command line: what the verbs share, below them and above every other room but `studies`."""

from fashion.cli.errors import keeping_nothing, run_verb
from fashion.cli.locks import working_in
from fashion.cli.options import (
    SAMPLE_FOLDER,
    SHIPPED_WEIGHTS,
    add_data_arguments,
    add_model_arguments,
    model_settings,
    open_files,
)
from fashion.cli.quiet import without_retracing_warnings

__all__ = [
    "SAMPLE_FOLDER",
    "SHIPPED_WEIGHTS",
    "add_data_arguments",
    "add_model_arguments",
    "keeping_nothing",
    "model_settings",
    "open_files",
    "run_verb",
    "without_retracing_warnings",
    "working_in",
]
