"""The command `fashion`: python -m fashion <verb>."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from fashion.cli.errors import FAILED, closed_pipe, run_verb
from fashion.cli.interrupts import leave

VERBS = {
    "train": "train a model on your data set, or on the built-in drawings",
    "predict": "detect clothes in images, draw them and write them as JSON",
    "evaluate": "score a model, or stored predictions, against ground truth",
    "submit": "write a Kaggle submission",
    "explore": "describe a data set: sizes, frequencies, masks, anchors, data issues",
    "settings": "print the settings of a recipe, with their meanings",
    "prepare": "write a smaller copy of a data set, for faster loading",
    "convert": "write a data set in another format",
    "average": "average the weights of several checkpoints into one model",
    "ensemble": "fuse stored predictions of several models, and search their weights",
    "predictions": "write predictions for an annotation tool",
    "runs": "list training runs with their scores, or write the page of a run",
    "compare": "set two to ten runs or evaluations side by side",
    "search": "search hyperparameters: many trainings with different settings",
    "study": "train and score the variants of a study",
    "trends": "find what rises and falls over time in a catalogue of garments",
    "rescore": "train a classifier that re-scores detections",
    "segment": "train and compare networks for semantic segmentation",
    "mnist": "train and compare small classifiers on Fashion-MNIST",
    "export": "export a model as ONNX, LiteRT or SavedModel, checked against Keras",
    "page": "write a web page that runs a model in the browser",
    "catalogue": "make an index of the garments in photos",
    "similar": "find garments of an index that look like those in a photo",
    "serve": "serve a model over HTTP: a page to try it, and an API",
    "demo": "train, evaluate, predict and submit on the built-in drawings",
}
# Packages whose versions `--version` prints, besides this one.
_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the verb that the command line names.

    Args:
        argv: Verb and its arguments; None takes those of the process.

    Returns:
        The exit status.
    """
    of_process = argv is None
    argv = sys.argv[1:] if argv is None else list(argv)
    name = argv[0] if argv else "--help"
    if name in ("-h", "--help", "help"):
        return _printed(overview()) or (0 if argv else FAILED)
    if name in ("-V", "--version", "version"):
        return _printed(versions())
    if name not in VERBS:
        from fashion.cli.parser import did_you_mean

        hint = did_you_mean(name, VERBS)
        print(
            f"fashion: error: There is no command {name}.{hint} See fashion --help.",
            file=sys.stderr,
        )
        return FAILED
    # The verb is imported inside `run_verb`, which handles signals.
    status = run_verb(
        lambda rest: importlib.import_module(f"fashion.{name}").main(rest), argv[1:], name
    )
    return leave(status) if of_process else status


def main_of(script: str) -> int:
    """Runs the verb of a script, `python fashion/train.py`, with the arguments of the process.

    Args:
        script: Path of the script.

    Returns:
        The exit status.
    """
    return leave(main([Path(script).stem, *sys.argv[1:]]))


def _printed(text: str) -> int:
    """Prints a text; returns the exit status."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        return closed_pipe()
    return 0


def overview() -> str:
    """Describes the command.

    Returns:
        Usage and verbs, as `fashion --help` prints them.
    """
    verbs = "\n".join(f"  {verb:12}{text}" for verb, text in VERBS.items())
    return (
        "usage: fashion COMMAND [options]\n\n"
        f"commands:\n{verbs}\n\n"
        "options:\n"
        "  --help    show this text; fashion COMMAND --help explains a command\n"
        "  --version show the versions of this package, Keras and its backends"
    )


def versions() -> str:
    """Describes what is installed, without importing it.

    Returns:
        A line for this package, for Keras and for each backend.
    """
    import os

    from fashion.cli.versions import installed_versions
    from mrcnn import __version__

    lines = [f"fashion-mask-rcnn {__version__}", f"python {sys.version.split()[0]}"]
    lines += [f"{name} {version}" for name, version in installed_versions(_PACKAGES).items()]
    lines.append(f"backend {os.environ.get('KERAS_BACKEND') or 'of keras.json, or tensorflow'}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
