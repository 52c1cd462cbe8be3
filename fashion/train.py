"""Train a model on your data set, or on the built-in drawings.

    fashion train --data photos/ --epochs 20 --name first

The plan is printed first: the data, the recipe and why it was chosen, the
stages with their layers, epochs and learning rates, and the images seen.

How options act on the stages of a recipe:
  --epochs N  is the length of the whole training. The stages share it as in the
              recipe, one epoch each at least; with fewer epochs than stages the
              last ones are trained.
  --lr RATE   is the highest learning rate. Stages with lower rates keep their
              proportion to it.
  An epoch is STEPS_PER_EPOCH batches of the recipe. With --epochs or --limit it
  is all training images once.

A run that was interrupted resumes after its last complete epoch: if it has a
--name, by the same command; otherwise by --resume --out RUN.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashion.cli.data_options import (
    add_data_options,
    add_split_options,
    check_data_options,
    check_split_options,
)
from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, did_you_mean, fraction, whole
from fashion.cli.paths import check_output
from fashion.cli.training_settings import (
    EMA_MOMENTUM,
    loss_weights,
    read_recipe,
    requested_config,
)
from fashion.config import LOSS_PRESETS, RECIPES, FashionConfig
from fashion.datasets.rebalancing_rules import RULES, USUAL, agreed_rules
from fashion.formats.model_files import checkpoint_in, located, shipped_models
from fashion.moved import moved_attributes
from mrcnn.config import BACKBONE_NAMES, CHOICES, parse_setting

if TYPE_CHECKING:
    from mrcnn.training.run_folder import RunFolder

# What --weights names besides files.
START_WEIGHTS = ("imagenet", "coco", "none")

__getattr__ = moved_attributes(
    __name__,
    "fashion.commands.train",
    (
        "VERSIONS",
        "chosen_stages",
        "explaining_changed_settings",
        "open_data",
        "recipe_config",
        "requested_run",
        "versions",
    ),
)


def main(argv: Sequence[str] | None = None) -> "RunFolder | None":
    """Trains as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The run folder; None if only the split or a preview was asked for.
    """
    args = parse(argv)
    finished = _finished_run(args)
    if finished is not None:
        return finished
    from fashion.commands.train import run  # not at the top: it imports Keras

    return run(args)


def _finished_run(args: argparse.Namespace) -> "RunFolder | None":
    """The run that the arguments name, if there is nothing left to do; prints what it has."""
    # Not at the top: `--help` needs no run.
    from fashion.cli.run_to_resume import agreed_arguments, changed_settings, run_to_resume
    from fashion.reports.next_commands import finished_text
    from fashion.reports.run_facts import FINISHED, read_run

    run = run_to_resume(args)
    if run is None:
        return None
    arguments = agreed_arguments(run, args)
    if args.preview or args.show_split or changed_settings(run, arguments, args):
        return None
    facts = read_run(run.path)
    if facts.state != FINISHED or not (run.path / "index.html").exists():
        return None
    print(finished_text(facts, arguments))
    return run


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `set` as pairs of names and values, `rebalance` as a list of rules, `recipe`
        as a name with the settings of its file in `recipe_settings`, `augmentation` as the content
        of the file that --augment names.

    Raises:
        ValueError: A setting, a rule, a recipe or the regular expression of --exclude is wrong.
        OSError: There is no such file.
    """
    parser = Parser("train", __doc__)
    add_training_options(parser)
    _add_output_options(parser)
    args = parser.parse_args(argv)
    args.recipe_settings = {}
    if args.recipe:
        try:
            args.recipe, args.recipe_settings = read_recipe(args.recipe)
        except ValueError as error:
            parser.error(str(error))
    base = RECIPES[args.recipe or "smoke"]
    if args.list_settings:
        base().display()
        sys.exit(0)
    if args.resume and args.restart:
        parser.error("--resume and --restart exclude each other.")
    args.set = [_setting(text) for text in args.set]
    args.rebalance = None if args.rebalance is None else agreed_rules(args.rebalance or USUAL)
    _check(args, base)
    return args


def _check(args: argparse.Namespace, base: type[FashionConfig]) -> None:
    """Checks what can be checked without data and networks."""
    try:
        re.compile(args.exclude or "")
    except re.error as error:
        raise ValueError(
            f"--exclude {args.exclude} is not a regular expression: {error}."
        ) from error
    if args.name and (Path(args.name).name != args.name or args.name in (".", "..")):
        raise ValueError(f"--name must be the name of a folder in --out. Got {args.name}.")
    check_data_options(args)
    check_split_options(args)
    if args.weights not in (None, *START_WEIGHTS):
        names = [*START_WEIGHTS, *shipped_models()]
        path = located(args.weights)
        if not path.exists():
            raise FileNotFoundError(
                f"--weights must be {', '.join(names)}, a run folder or a file of weights. "
                f"There is no file {args.weights}.{did_you_mean(args.weights, names)}"
            )
        if path.is_dir():
            checkpoint_in(path)
    args.augmentation = None
    if args.augment not in (None, "default", "none"):
        if not Path(args.augment).is_file():
            raise FileNotFoundError(
                f"--augment must be default, none or a file. There is no file {args.augment}."
            )
        from mrcnn.data.augmentation.augmenter_files import read_augmentation

        args.augmentation = read_augmentation(args.augment)
    check_output(args.out / args.name if args.name else args.out)
    check_output(args.preview, "--preview")
    if not args.resume:  # a run has a recipe already
        _check_settings(args, base)


def _check_settings(args, base):
    """Checks the settings with each recipe that the training may have, before Keras is imported."""
    recipes = [base]
    if args.data and not args.recipe:  # the device decides
        recipes = [RECIPES["ccp"], RECIPES["baseline"]]
    errors = []
    for recipe in recipes:
        try:
            requested_config(args, recipe)
        except ValueError as error:
            errors.append(error)
    if len(errors) == len(recipes):
        raise errors[0]


def _setting(text: str) -> tuple[str, object]:
    """Parses an argument of --set."""
    key, value = parse_setting(text, FashionConfig)
    if key == "LEARNING_RATE":
        raise ValueError(
            "A recipe has a learning rate for each of its stages, so LEARNING_RATE would change "
            f"nothing. Give --lr {value} instead."
        )
    return key, value


def add_training_options(parser: Any, *, asides: bool = True) -> None:
    """Adds the options that decide what a training does.

    Args:
        parser: Parser of a verb that trains, or one of its groups.
        asides: Also add --list-settings, --show-split and --preview, which print or write
            something and stop.
    """
    _add_run_options(parser)
    _add_recipe_options(parser, asides)
    _add_optimizer_options(parser)
    _add_choice_options(parser, asides)


def _add_run_options(parser: Any) -> None:
    add_data_options(parser)
    parser.add_argument(
        "--recipe",
        metavar="NAME|FILE",
        help=f"settings to start from: {', '.join(RECIPES)}, or a JSON or YAML file of settings, "
        "such as config.json of a run (default: baseline with --data and a GPU, ccp with --data "
        "and without a GPU, smoke without --data)",
    )
    parser.add_argument(
        "--weights",
        metavar="imagenet|coco|none|FILE",
        help="start weights: the backbone's ImageNet weights (default); Matterport's COCO weights, "
        "which are downloaded once and need a ResNet; none, so that all layers start at random; a "
        "run folder, a .h5 checkpoint, or the .npz, .pth or .pkl file of a backbone",
    )
    parser.add_argument(
        "--exclude",
        metavar="REGEX",
        help="layers that keep their initial weights, by their whole names, for instance "
        "'mrcnn_attribute.*'",
    )
    parser.add_argument(
        "--stage",
        help="train one stage of the recipe: heads trains the new layers on a frozen backbone "
        "(default: all stages)",
    )


def _add_recipe_options(parser: Any, asides: bool) -> None:
    recipe = "(default: that of the recipe)"
    add_option(parser, "--epochs", default=None, help=f"epochs in all, see above {recipe}")
    add_option(parser, "--lr", default=None, help=f"highest learning rate, see above {recipe}")
    add_option(parser, "--batch", default=None, help=f"images per batch {recipe}")
    add_option(
        parser,
        "--imgsz",
        default=None,
        help="longest side of the network input, a multiple of 64; the shorter side and the "
        f"anchors keep their proportion {recipe}",
    )
    parser.add_argument(
        "--backbone", choices=BACKBONE_NAMES, metavar="NAME", help=f"backbone {recipe}"
    )
    parser.add_argument(
        "--augment",
        metavar="default|none|FILE",
        help="augmentation: that of fashion/augmentation.py, none, or a JSON or YAML file that "
        "albumentations.save wrote or that lists steps of Albumentations or imgaug",
    )
    add_option(parser, "--seed", default=None, help=f"seed of all random choices {recipe}")
    add_option(parser, "--set", type=str)
    if asides:
        parser.add_argument(
            "--list-settings", action="store_true", help="print the settings of the recipe and stop"
        )


def _add_optimizer_options(parser: Any) -> None:
    recipe = "(default: that of the recipe)"
    add_option(
        parser,
        "--optimizer",
        metavar=None,
        choices=CHOICES["OPTIMIZER"],
        help=f"optimizer {recipe}",
    )
    parser.add_argument(
        "--schedule",
        choices=CHOICES["LR_SCHEDULE"],
        help=f"learning rate within a stage: constant, divided by 10 after 2/3 and 8/9 of it, or "
        f"a half cosine {recipe}",
    )
    parser.add_argument(
        "--loss-weights",
        type=loss_weights,
        metavar="PRESET|JSON",
        help=f"weights of the losses: {', '.join(LOSS_PRESETS)}, or JSON; losses that are not "
        f"named keep theirs {recipe}",
    )
    parser.add_argument(
        "--ema",
        nargs="?",
        type=fraction,
        const=EMA_MOMENTUM,
        metavar="MOMENTUM",
        help="average the weights, evaluate the average as well, and keep the better of both "
        f"as best.h5 (momentum without a number: {EMA_MOMENTUM})",
    )
    parser.add_argument(
        "--accumulate",
        type=whole(1),
        metavar="N",
        help=f"batches whose mean gradient makes one update {recipe}",
    )


def _add_choice_options(parser: Any, asides: bool) -> None:
    add_option(
        parser,
        "--limit",
        help="use N random training images, and N validation images at most (default: all)",
    )
    add_split_options(parser, show=asides)
    parser.add_argument(
        "--rebalance",
        nargs="*",
        metavar="RULE",
        help=f"oversample images by one or more of {', '.join(RULES)}, see "
        f"fashion/datasets/rebalancing.py (without a RULE: {' '.join(USUAL)})",
    )
    if asides:
        parser.add_argument(
            "--preview",
            type=Path,
            metavar="DIR",
            help="write a page with training images as they are augmented, and stop",
        )
    add_option(parser, "--workers", help="threads that prepare batches (default: %(default)s)")
    parser.add_argument(
        "--processes",
        type=whole(0, 256),
        default=0,
        metavar="N",
        help="prepare batches in this many processes instead of threads (default: none)",
    )
    parser.add_argument(
        "--patience",
        type=whole(1),
        metavar="N",
        help="end a stage when its score has not risen for N epochs (default: never)",
    )
    parser.add_argument(
        "--keep",
        type=whole(0),
        metavar="N",
        help="keep the checkpoints of the last N epochs, besides last.h5 and best.h5 (default: 0)",
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    add_option(
        parser,
        "--out",
        default=Path("runs"),
        help="folder of run folders (default: %(default)s); with --resume also a run folder",
    )
    parser.add_argument(
        "--name",
        help="name of the run folder in --out; if it holds a run, the run resumes (default: the "
        "recipe and the time)",
    )
    add_option(parser, "--restart", help="start the run --name over; its old files are removed")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume the run --name, the run folder --out, or the newest run in --out",
    )


if __name__ == "__main__":
    sys.exit(run_verb(main))
