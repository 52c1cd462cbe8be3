"""Command line: what the verbs share, below them and above every other room but `studies`."""

from fashion.cli.errors import run_verb
from fashion.cli.locks import working_in
from fashion.cli.options import (
    SAMPLE_FOLDER,
    SHIPPED_WEIGHTS,
    add_data_arguments,
    add_model_arguments,
    model_settings,
    open_files,
)

__all__ = [
    "SAMPLE_FOLDER",
    "SHIPPED_WEIGHTS",
    "add_data_arguments",
    "add_model_arguments",
    "model_settings",
    "open_files",
    "run_verb",
    "working_in",
]
