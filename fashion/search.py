r"""Search hyperparameters: many trainings of a recipe with different settings.

    fashion search --recipe ccp --data photos/ --epochs 4 \
        --trials 24 --space lr=log:1e-5:1e-2 batch=2,4 optimizer=sgd,adamw \
        "weight_decay=log:1e-5:1e-2 if optimizer=adamw"

Each trial is a run folder of `fashion train` in --out, trained in a process of
its own. The first trial has the recipe's settings. Trainings that are worse
than others are cut early (--pruner). --out receives trials.csv, a page
(index.html) and best.json, which `fashion train --recipe` reads.

A parameter of --space is an option of `fashion train` or a setting:
  NAME=2,4,8                 one of these values
  NAME=float:LOW:HIGH[:STEP] a number; int: for whole numbers
  NAME=log:LOW:HIGH[:POINTS] a number on a logarithmic scale; logint: whole
  "NAME=… if OTHER=VALUE"    searched only where OTHER has the value
or a JSON or YAML file with a key for each parameter.

The same command resumes an interrupted search, and adds a process to one that
runs. --epochs and --lr act as `fashion train --help` explains.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import contextlib
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion import train
from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, positive, whole
from fashion.cli.paths import check_output
from fashion.cli.training_settings import chosen_stages, requested_config
from fashion.config import RECIPES, FashionConfig
from fashion.hyperparameters.metrics import COLUMNS, SCORES, metric_of
from fashion.hyperparameters.names import (
    OPTIONS,
    check_effects,
    check_names,
    defaults_of,
    setting_of,
    words_of,
)
from fashion.hyperparameters.space import Parameter
from fashion.hyperparameters.space_reader import read_space
from mrcnn.packages import import_package

SAMPLERS = ("grid", "random", "tpe")
PRUNERS = ("none", "median", "hyperband")
_TRIALS = 20  # of a search without --trials and --minutes


def main(argv: Sequence[str] | None = None) -> Path:
    """Searches as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The folder of the search.
    """
    args = parse(argv)
    import_package("optuna", "fashion search", "optuna>=4.2,<6")
    from fashion.commands.search import run  # not at the top: it imports Optuna and matplotlib

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `space` as a `Space`, `metric` as a `Metric`, `words` the options of `train`
        that all trials have, `defaults` the values of the first trial or None, `reason` why there
        are none, `epochs` of a whole training.

    Raises:
        ValueError: A parameter, a value of it, or an option cannot be used.
        OSError: A file is missing, or --out cannot be written to.
    """
    argv = sys.argv[1:] if argv is None else [str(arg) for arg in argv]
    parser = Parser("search", __doc__, "--space NAME=VALUES … [options]")
    _add_search_options(parser.add_argument_group("the search"))
    train.add_training_options(parser.add_argument_group("every training"), asides=False)
    args = parser.parse_args(argv)
    wrong = _contradiction(args)
    if wrong:
        parser.error(wrong)
    own = Parser("search", None)
    _add_search_options(own)
    args.words = own.parse_known_args(argv)[1]
    args.space = read_space(args.space)
    args.metric = metric_of(args.metric)
    check_output(args.out)
    args.pruner = args.pruner or ("none" if args.sampler == "grid" else "median")
    if args.trials is None and args.minutes is None and args.sampler != "grid":
        args.trials = _TRIALS
    _check_training(args)
    if args.sampler == "grid":
        args.space.grid()
    return args


def _add_search_options(parser: Any) -> None:
    parser.add_argument(
        "--space",
        nargs="+",
        metavar="NAME=VALUES|FILE",
        help="what is searched, see above",
    )
    parser.add_argument(
        "--sampler",
        choices=SAMPLERS,
        default="tpe",
        metavar="NAME",
        help="grid: all combinations; random; tpe: where earlier trials were good (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--pruner",
        choices=PRUNERS,
        metavar="NAME",
        help="cut trainings early: none; median: those below the median of the others at the same "
        "epoch; hyperband: all but the best third, after 1, 3, 9, … epochs (default: median; none "
        "with --sampler grid)",
    )
    parser.add_argument(
        "--trials",
        type=whole(1),
        metavar="N",
        help="number of trials, including those of earlier starts "
        f"(default: {_TRIALS} without --minutes; all points of a grid)",
    )
    parser.add_argument(
        "--minutes",
        type=positive,
        metavar="M",
        help="start no trial after M minutes (default: no limit)",
    )
    parser.add_argument(
        "--metric",
        default="val_mask_ap",
        metavar="NAME",
        help=f"what is maximized: {', '.join(COLUMNS)} of the best epoch; {', '.join(SCORES)} of "
        "the best checkpoint, or another number of its metrics.json, such as coco.segm.AP75 "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--repeat-best",
        type=whole(0, 100),
        default=0,
        metavar="K",
        help="train the best K trials, and the one with the recipe's settings, again with other "
        "seeds, and compare them (default: none)",
    )
    parser.add_argument(
        "--seeds",
        type=whole(2, 100),
        default=3,
        metavar="N",
        help="seeds of --repeat-best (default: %(default)s)",
    )
    parser.add_argument(
        "--storage",
        metavar="URL|FILE",
        help="database of the trials, for several computers: postgresql://…, or a journal, a .log "
        "file; all share the folder --out (default: study.db in --out)",
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="try trials again that have failed"
    )
    add_option(parser, "--out", default=Path("runs/search"))
    add_option(parser, "--restart", help="start over; the trials in --out are removed")


def _contradiction(args: argparse.Namespace) -> str | None:
    """The first contradiction among the arguments."""
    if not args.space:
        return "--space is missing: what is searched, for instance --space lr=log:1e-5:1e-2"
    if args.data and not args.recipe:
        return (
            "--recipe is missing: without it the device would decide, and the trainings could "
            "differ. ccp is made for a CPU, baseline for a GPU"
        )
    if args.storage and "://" not in args.storage:
        if Path(args.storage).suffix not in (".log", ".journal"):
            return (
                "--storage must be a URL such as postgresql://user@host/name, or a journal file "
                f"that ends in .log. Got {args.storage}"
            )
    return None


def _check_training(args: argparse.Namespace) -> None:
    """Checks the options of the trainings with the values that are searched."""
    for name in args.space.names:
        setting_of(name)  # before the data are looked for
    common = _train_arguments(args, {})
    settings = [name for name, _ in common.set]
    given = [name for name in OPTIONS if getattr(common, name, None) is not None]
    check_names(args.space, given, settings)
    if args.pruner != "none" and "EVALUATE_EVERY" not in settings:
        args.words += ["--set", "EVALUATE_EVERY=1"]  # a score after each epoch to judge by
    for parameter in args.space.parameters:
        for value in parameter.choices or (parameter.low, parameter.high):
            _check_value(args, parameter, value)
    config, stage = _config(_train_arguments(args, {})), common.stage or "all"
    check_effects(args.space, config.OPTIMIZER)
    args.defaults, args.reason = defaults_of(
        args.space, config, lambda values: _config(_train_arguments(args, values)), stage
    )
    args.seed = config.SEED
    args.epochs = sum(each.epochs for each in chosen_stages(config, stage))
    for parameter in args.space.parameters:
        if parameter.name == "epochs":
            args.epochs = int(max(parameter.choices or (parameter.high,)))  # type: ignore[type-var]


def _check_value(args: argparse.Namespace, parameter: Parameter, value: Any) -> None:
    """Raises ValueError where `train` does not take a value."""
    try:
        _config(_train_arguments(args, {parameter.name: value}))
    except ValueError as error:
        raise ValueError(f"--space {parameter.name}={value}: {error}") from error


def _train_arguments(args: argparse.Namespace, values: Mapping[str, Any]) -> argparse.Namespace:
    """Parses the arguments of a training with these values; wrong ones are a ValueError."""
    words = [*args.words, *words_of(dict(values)), "--out", str(args.out), "--name", "trial"]
    message = io.StringIO()
    try:
        with contextlib.redirect_stderr(message):
            return train.parse(words)
    except SystemExit as error:
        reason = message.getvalue().partition(": error: ")[2].partition(" See fashion train")[0]
        raise ValueError(reason.strip()) from error


def _config(args: argparse.Namespace) -> FashionConfig:
    return requested_config(args, RECIPES[args.recipe or "smoke"])


if __name__ == "__main__":
    sys.exit(run_verb(main))
