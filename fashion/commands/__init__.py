"""The work of the commands: `run(args)` of each, with all that it needs to import."""

from fashion.moved import moved_attributes

# What this name meant until version 0.1: the module that is now `fashion.cli`.
__getattr__ = moved_attributes(
    __name__,
    "fashion.cli",
    (
        "SAMPLE_FOLDER",
        "SHIPPED_WEIGHTS",
        "add_data_arguments",
        "model_settings",
        "open_files",
        "run_verb",
        "without_retracing_warnings",
        "working_in",
    ),
)
