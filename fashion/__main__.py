"""The command `fashion`: python -m fashion <verb>."""

import importlib
import sys
from collections.abc import Sequence

from fashion.cli import run_verb

VERBS = {
    "train": "train a model on iMaterialist, on your photos, or on the built-in data",
    "predict": "draw what a model sees in photos, and write it as JSON",
    "evaluate": "score a model on labelled photos",
    "submit": "write a Kaggle submission",
    "explore": "show what is in a data set: sizes, frequencies, masks, anchors, suspicious rows",
    "prepare": "make a smaller copy of a data set: photos and masks shrunk together",
    "compare": "train and score the variants of a study, and say which differences are more than "
    "seeds make",
    "rescore": "train a classifier that scores a model's detections again",
    "segment": "compare networks that label every pixel: U-Net, SegNet, FCN",
    "mnist": "train small classifiers on Fashion-MNIST, and show how good they are",
    "demo": "train, score, draw and submit on the built-in data, in one go",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the verb that the command line names.

    Args:
        argv: Verb and its arguments; None takes those of the process.

    Returns:
        The exit status.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if not argv or argv[0] not in VERBS:
        print("usage: fashion <verb> [options]      (fashion <verb> --help explains a verb)\n")
        print("\n".join(f"  {verb:10}{text}" for verb, text in VERBS.items()))
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    verb = importlib.import_module(f"fashion.{argv[0]}")
    return run_verb(verb.main, argv[1:])


if __name__ == "__main__":
    sys.exit(main())
