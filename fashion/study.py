r"""Train and score the variants of a study.

    fashion study attribute-heads --recipe smoke \
        --weights runs/smoke2026… --out runs/heads

Trains every variant with several seeds, computes every metric of each, and
writes one table and one plot: means over the seeds, and differences from the
first variant. A paragraph says which differences are significant. index.html
has all of it, next to the numbers of the report that a study repeats. Finished
runs are not repeated, so seeds and variants can be added later. A run that
fails does not stop the others.

--quick shows in some minutes that a study runs: tiny images of the built-in
data, one epoch, one seed. Its scores mean nothing.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, whole
from fashion.cli.paths import check_data, check_output
from fashion.cli.training_settings import read_recipe
from fashion.config import RECIPES
from fashion.formats.model_files import checkpoint_in
from fashion.studies.detectors import STUDIES, Study
from mrcnn.config import parse_setting

# Settings that belong to the study, and the options that change them.
OPTIONS = {
    "SEED": "--seeds",
    "STAGES": "--epochs and --lr",
    "EVALUATE_EVERY": "--epochs",
    "LEARNING_RATE": "--lr",
}
# Weights that are not a file.
_NAMED_WEIGHTS = ("imagenet", "coco", "none")
# With --quick, unless other is asked for. 16 photos are 4 batches.
QUICK = {"recipe": "smoke", "weights": "none", "seeds": 1, "epochs": 1, "limit": 16}
QUICK_SIZES = (8, 16, 32, 64)


def main(argv: Sequence[str] | None = None) -> Any:
    """Does the study that the arguments name.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        Scores by column, for each variant.
    """
    args = parse(argv)
    # Not at the top: they import Keras.
    from fashion import evaluate, train
    from fashion.commands.study import Verbs, run

    return run(args, Verbs(train.main, evaluate.main))


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.

    Raises:
        OSError: There are no such weights, or --out cannot be written to.
    """
    parser = Parser("study", __doc__, "STUDY [options]")
    _add_arguments(parser)
    args = parser.parse_args(argv)
    args.out = args.out or Path("runs") / args.study
    args.definition = STUDIES[args.study]
    if args.sizes and not args.definition.sizes:
        parser.error(f"--sizes belongs to sample-size. {args.study} compares no sizes")
    if args.definition.sizes and (args.sizes or args.quick):
        args.definition = args.definition.with_sizes(args.sizes or QUICK_SIZES)
    _fill_in(args)
    args.base, args.recipe_settings = _recipe(parser, args.recipe)
    wrong = _what_is_wrong(args, args.definition)
    if wrong:
        parser.error(wrong)
    if args.weights and args.weights not in _NAMED_WEIGHTS:
        checkpoint_in(args.weights)
    check_data(args.data)
    check_output(args.out)
    return args


def _recipe(parser: Parser, text: str) -> tuple[str, dict[str, Any]]:
    """Name of the recipe, and the settings of its file."""
    try:
        name, settings = read_recipe(text)
    except ValueError as error:
        parser.error(str(error))
    if name is None:
        parser.error(
            f"{text} names no recipe. A study needs one to compare settings with: add "
            '"recipe": "ccp", for instance'
        )
    return name, settings


def _fill_in(args: argparse.Namespace) -> None:
    """Replaces what was not given by what --quick or the study has."""
    study = args.definition
    own_recipe = args.recipe in (None, study.recipe) and not args.quick
    usual = {
        "recipe": study.recipe,
        "weights": study.weights if own_recipe else None,  # those of a backbone
        "seeds": 3,
        "epochs": study.epochs,
        "rate": study.rate,
        "limit": study.limit,
    }
    if args.quick:
        usual |= QUICK
        usual["weights"] = None if study.needs_weights else QUICK["weights"]
        if study.sizes:
            usual["limit"] = None
    for name, value in usual.items():
        if getattr(args, name) is None:
            setattr(args, name, value)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "study",
        choices=sorted(STUDIES),
        metavar="STUDY",
        help=f"what is compared: {', '.join(sorted(STUDIES))}",
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME|FILE",
        help=f"{', '.join(RECIPES)}, or a JSON or YAML file that names one and holds settings "
        "(default: that of the study)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a short study of tiny networks: "
        + " ".join(f"--{name} {value}" for name, value in QUICK.items()),
    )
    for name in ("--data", "--skip-bad"):
        add_option(parser, name)
    add_option(parser, "--weights", default=None, help="trained model that every run starts from")
    parser.add_argument(
        "--seeds", type=whole(1), metavar="N", help="runs of each variant (default: 3)"
    )
    add_option(
        parser,
        "--epochs",
        default=None,
        help="epochs of the longest variant; others keep their proportion to it (default: that of "
        "the study, usually 3)",
    )
    add_option(
        parser,
        "--lr",
        dest="rate",
        default=None,
        help="highest learning rate (default: that of the study, usually 0.001)",
    )
    add_option(
        parser,
        "--limit",
        help="training photos of the largest variant; others keep their proportion to it "
        "(default: that of the study, usually all)",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=whole(1),
        metavar="N",
        help="sample-size: numbers of training photos (default: 100 200 400 700)",
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="VARIANT",
        help="train this variant only; may be repeated",
    )
    add_option(parser, "--set", help="change a setting of all variants; may be repeated")
    add_option(
        parser, "--out", help="folder of the runs, the table and the plot (default: runs/STUDY)"
    )


def _what_is_wrong(args: argparse.Namespace, study: Study) -> str | None:
    """The first contradiction among the arguments."""
    if study.sizes and args.limit:
        return f"{args.study} compares numbers of photos: use --sizes instead of --limit"
    if study.needs_weights and not args.weights:
        return (
            f"{args.study} trains {study.layers} alone: give a trained model to start from with "
            "--weights"
        )
    unknown = set(args.only or ()) - study.variants.keys()
    if unknown:
        return (
            f"There is no variant {', '.join(sorted(unknown))}; {args.study} has "
            f"{'; '.join(study.variants)}"
        )
    compared = set().union(*study.variants.values())
    for text in args.set:
        key, _ = parse_setting(text, RECIPES[args.base])
        if key in OPTIONS:
            return (
                f"--set {text} would replace what the study gives its runs: use {OPTIONS[key]} "
                "instead"
            )
        if key in compared:
            return (
                f"--set {text} would make variants alike, since {args.study} compares values of "
                f"{key}: leave it out, or choose variants with --only"
            )
    return None


if __name__ == "__main__":
    sys.exit(run_verb(main))
