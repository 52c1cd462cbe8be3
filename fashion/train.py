"""Train on iMaterialist.

    python fashion/train.py --stage all --recipe baseline --data ~/imaterialist --out runs/

Recipes and what they cost are in fashion/config.py. A run folder holds config.json, history.csv,
TensorBoard logs, the last and the best checkpoint, pictures of predictions, and split.csv, what
was held out of each category and attribute; --resume goes on where it broke off. The photos that
were held out are noted in each checkpoint, so evaluate.py scores on them.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    import fashion  # noqa: F401  before keras, see fashion/__init__.py

import argparse
import contextlib
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib import metadata as packages
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fashion.augmentation import default_augmenter
from fashion.cli import (
    add_data_arguments,
    open_files,
    run_verb,
    without_retracing_warnings,
    working_in,
)
from fashion.cli.run_arguments import (
    DEFAULTS,
    agreed_arguments,
    naming_config,
    ontology_of,
    resumable_run,
)
from fashion.cli.start_weights import convention_of, start_weights
from fashion.config import BEFORE, RECIPES, FashionConfig
from fashion.datasets.files import DataFiles
from fashion.datasets.holding_out import add_split_arguments, agreed_split, held_out_by, note_of
from fashion.datasets.label_counts import label_counts
from fashion.datasets.rebalancing import (
    RULES,
    USUAL,
    Histogram,
    agreed_rules,
    paste_weights,
    starting_repeats,
)
from fashion.datasets.split_table import split_table, summary, worst, write_split_table
from fashion.datasets.splits import load_train_and_val
from fashion.evaluation.monitor import Monitor
from fashion.exploration.preview import write_preview
from fashion.labels.ontology import Ontology
from fashion.model import FashionModel
from mrcnn.config import parse_setting
from mrcnn.data.batches import training_batches, validation_batches
from mrcnn.locks import check_free
from mrcnn.training.fit_detector import fit_detector
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.weights.layer_files import read_metadata

# Packages whose versions may change the result; config.json notes them.
VERSIONS = (
    "keras",
    "tensorflow",
    "jax",
    "numpy",
    "imgaug",
    "albumentations",
    "pycocotools",
    "h5py",
)


def main(argv: Sequence[str] | None = None) -> RunFolder | None:
    """Trains as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The run folder; None if only the split or a preview was asked for.
    """
    with contextlib.ExitStack() as locks:
        return _start_or_resume(parse(argv), locks)


def _start_or_resume(args: argparse.Namespace, locks: contextlib.ExitStack) -> RunFolder | None:
    """Does what `main` does; `locks` receives the lock on the run folder."""
    run, arguments = requested_run(args)
    files = open_data(args, arguments, run)
    config, ontology, stages = _agreed_settings(args, arguments, run, files)
    keras.utils.set_random_seed(config.SEED)

    split = agreed_split(arguments, args, files)
    train, validation = load_train_and_val(
        files, ontology, split=split, held_out=held_out_by(run), skip_bad=arguments["skip_bad"]
    )
    shares = split_table(train, validation)
    if args.show_split:
        print(f"{worst(shares)}\n{summary(shares)}")
        return None
    labels = label_counts(train)
    batches = _training_batches(args, arguments, config, train, labels)
    if args.preview:
        print(f"what the training sees: {write_preview(args.preview, batches, ontology)}")
        batches.close()
        return None
    with naming_config(None if args.set else run):
        model = FashionModel(config, ontology, train.attribute_counts())
    # A run that was killed in its first epoch starts again, in its folder.
    resumes = run is not None and run.last.exists()
    if not resumes:
        start_weights(model, arguments["weights"], arguments["exclude"])

    arguments |= _noted(files, split, config, ontology, stages)
    run = _locked_run(args, locks, run, config, arguments)
    print(_summary(run, train, validation, batches, config))
    write_split_table(run.path / "split.csv", shares)
    print(f"split: {summary(shares)}")
    # A resumed run keeps its files: they tell which categories were missed last.
    if arguments["rebalance"] and not resumes:
        _write_rebalancing(run, arguments["rebalance"], labels, batches)
    monitor = _monitor(model, validation, run, batches, labels, arguments["rebalance"])
    options = {
        "evaluate": monitor,
        "validation": validation_batches(validation, config, args.workers, args.processes),
        "resume": resumes,
        "metadata": model.metadata() | {"split": note_of(split, validation)},
        "callbacks": [_config_writer(run, arguments)],
    }
    with explaining_changed_settings(run, config), without_retracing_warnings():
        fit_detector(
            model.detector, config, batches, stages, run, every=config.EVALUATE_EVERY, **options
        )
    print(f"best checkpoint: {run.best}")
    return run


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `set` as pairs of names and values, `rebalance` as a list of rules.

    Raises:
        ValueError: A setting, a rule or the regular expression of --exclude is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="fashion train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_run_arguments(parser)
    _add_training_arguments(parser)
    args = parser.parse_args(argv)
    recipe = RECIPES[args.recipe or "smoke"]
    if args.list_settings:
        recipe().display()
        sys.exit(0)
    for name, least in (("workers", 1), ("processes", 0)):
        if getattr(args, name) < least:
            parser.error(f"--{name} must be {least} or more. Got {getattr(args, name)}")
    args.set = [parse_setting(text, recipe) for text in args.set]
    args.rebalance = None if args.rebalance is None else agreed_rules(args.rebalance or USUAL)
    try:
        re.compile(args.exclude or "")
    except re.error as error:
        raise ValueError(f"--exclude {args.exclude} is no regular expression: {error}.") from error
    if "LEARNING_RATE" in dict(args.set):
        raise ValueError(
            "A recipe has a learning rate for each of its stages, so LEARNING_RATE would change "
            "nothing. Set the stages instead, each as [name, layers, epochs, rate]: --set "
            '\'STAGES=[["heads","heads",5,0.001],…]\'.'
        )
    return args


def _add_run_arguments(parser):
    parser.add_argument(
        "--stage",
        help="'heads' trains the new layers on a frozen backbone; 'all', the default, is the "
        "whole recipe",
    )
    parser.add_argument(
        "--recipe", choices=sorted(RECIPES), help="default: smoke, or what the resumed run used"
    )
    add_data_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs"),
        metavar="RUNS",
        help="folder of run folders; with --resume also one run folder",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the newest run in --out, or with the run folder --out",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE|imagenet|none",
        help="where to start: the backbone's ImageNet weights (the default), a run folder or .h5 "
        "checkpoint, an .npz backbone, or nothing",
    )
    parser.add_argument(
        "--exclude",
        metavar="REGEX",
        help="layers that start anew instead of from --weights, by their whole names, for "
        "instance 'mrcnn_attribute.*'",
    )


def _add_training_arguments(parser):
    parser.add_argument(
        "--rebalance",
        nargs="*",
        metavar="RULE",
        help=f"show some photos more often, by one or more of {', '.join(RULES)}, which "
        "fashion/datasets/rebalancing.py explains; "
        f"without a RULE: {' '.join(USUAL)}",
    )
    add_split_arguments(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of the recipe",
    )
    parser.add_argument(
        "--list-settings", action="store_true", help="print the settings of the recipe and stop"
    )
    parser.add_argument(
        "--preview",
        type=Path,
        metavar="DIR",
        help="write a page with photos as the training would see them, and stop",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="threads that prepare batches"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=0,
        metavar="N",
        help="prepare batches in so many processes instead",
    )


def requested_run(args: argparse.Namespace) -> tuple[RunFolder | None, dict[str, Any]]:
    """Finds out which run is asked for.

    Args:
        args: Result of `parse`.

    Returns:
        run: The run folder to resume; None for a new run.
        arguments: The run arguments: of the folder, or of the command line.

    Raises:
        FileNotFoundError: There is no run to resume.
        ValueError: The run was started with other arguments.
        FolderInUse: Another command works in the run folder.
    """
    if args.resume:
        run = resumable_run(args.out)
        check_free(run.path)
        return run, agreed_arguments(run, args)
    arguments = {name: getattr(args, name) or default for name, default in DEFAULTS.items()}
    return None, arguments | {"skip_bad": args.skip_bad}


def open_data(
    args: argparse.Namespace, arguments: Mapping[str, Any], run: RunFolder | None
) -> DataFiles:
    """Finds the data set of a run.

    Args:
        args: Result of `parse`; --data comes first.
        arguments: Run arguments; they name the folder of a resumed run.
        run: The run to resume, or None.

    Returns:
        Files of the data set.

    Raises:
        FileNotFoundError: The folder holds no data set.
    """
    try:
        return open_files(args.data or arguments.get("data"))
    except FileNotFoundError as error:
        if run is None or args.data:
            raise
        raise FileNotFoundError(
            f"{run.config} names the data {arguments.get('data')}. {error} Give the folder where "
            "they are now: --data DIR."
        ) from error


def _agreed_settings(args, arguments, run, files):
    """The config, the label list and the stages of a training."""
    with naming_config(run):
        ontology = ontology_of(arguments) if args.resume else files.ontology()
    if args.resume:
        settings = BEFORE | arguments["config"]
    else:
        settings = convention_of(arguments["weights"])
    recipe = arguments["recipe"]
    try:
        config = recipe_config(recipe, ontology, settings | dict(args.set))
    except ValueError:
        # config.json is to blame if its settings are wrong without --set, too.
        with naming_config(run):
            recipe_config(recipe, ontology, settings)
        raise
    with naming_config(run):
        return config, ontology, chosen_stages(config, arguments["stage"])


def recipe_config(name: str, ontology: Ontology, settings: Mapping[str, Any]) -> FashionConfig:
    """Makes the config of a recipe for a label list.

    Args:
        name: A key of `RECIPES`.
        ontology: Label list.
        settings: Take precedence over the recipe's.

    Returns:
        The config.

    Raises:
        ValueError: A setting is unknown or has an impossible value.
    """
    sizes = {"NUM_CLASSES": ontology.num_classes, "NUM_ATTRIBUTES": ontology.num_attributes}
    return RECIPES[name].from_dict({**settings, **sizes})


def chosen_stages(config: FashionConfig, name: str) -> list[Stage]:
    """Selects the stages that --stage names.

    Args:
        config: Config of the training.
        name: "all", or the name of a stage.

    Returns:
        All stages of the recipe, or the one of this name.

    Raises:
        ValueError: The recipe has no such stage.
    """
    stages = [stage for stage in config.STAGES if name in ("all", stage.name)]
    if not stages:
        names = ", ".join(stage.name for stage in config.STAGES)
        raise ValueError(f"--stage must be 'all' or one of {names}. Got {name!r}.")
    return stages


def _training_batches(args, arguments, config, train, labels):
    rebalance = arguments["rebalance"]
    return training_batches(
        train,
        config,
        augmenter=default_augmenter() if config.AUGMENT else None,
        repeats=starting_repeats(labels, rebalance, config),
        class_weights=paste_weights(labels) if rebalance else None,
        workers=args.workers,
        processes=args.processes,
    )


def _locked_run(args, locks, run, config, arguments):
    """The run folder, locked; of a new run with its config.json."""
    run = run or RunFolder.create(args.out, f"{config.NAME}{datetime.now():%Y%m%dT%H%M%S}")
    locks.enter_context(working_in(run.path, "train", below=True))
    if not args.resume:
        run.write_config(arguments)
    return run


def _noted(files, split, config, ontology, stages):
    """What config.json says beside the run arguments."""
    return {
        "command": sys.argv,
        "data": str(files.folder.resolve()),
        "split": split.to_dict(),
        "seed": config.SEED,
        "stages": [vars(stage) for stage in stages],
        "versions": versions(),
        "config": config.to_dict(),
        "ontology": ontology.to_dict(),
    }


def _summary(run, train, validation, batches, config):
    return (
        f"run folder: {run.path}\n"
        f"{len(train.image_ids)} photos to train on ({len(batches)} batches an epoch), "
        f"{len(validation.image_ids)} to validate on, {config.NUM_CLASSES - 1} categories, "
        f"{config.NUM_ATTRIBUTES} attributes"
    )


def _write_rebalancing(run, rules, labels, batches):
    histogram = Histogram(labels, batches.sampler.repeats)
    histogram.write(run.path)
    print(f"rebalanced by {', '.join(rules)}: {histogram.summary()} (rebalance.csv, rebalance.png)")


def _monitor(model, validation, run, batches, labels, rules):
    return Monitor(
        model,
        validation,
        run,
        batches if "missed" in rules else None,
        np.pad(labels.categories, ((0, 0), (1, 0))),  # by class id; 0 is the background
        on_repeats=lambda now: Histogram(labels, now, batches.sampler.length).write(run.path),
    )


def _config_writer(run, arguments):
    """Writes changed settings once the old checkpoint has turned out to fit them."""
    return keras.callbacks.LambdaCallback(on_train_begin=lambda logs: run.write_config(arguments))


@contextlib.contextmanager
def explaining_changed_settings(run: RunFolder, config: FashionConfig) -> Iterator[None]:
    """Names the settings that have changed, where weights of a run no longer fit its network.

    Args:
        run: The run folder.
        config: Config of the network.

    Yields:
        Nothing.

    Raises:
        ValueError: As the block, with the names of the settings.
    """
    try:
        yield
    except ValueError as error:
        before = read_metadata(run.last).get("config", {}) if run.last.exists() else {}
        changed = [
            f"{name} was {before[name]} and is {value}"
            for name, value in config.to_dict().items()
            if name != "STAGES" and before.get(name, value) != value
        ]
        if not changed:
            raise
        raise ValueError(
            f"{error} Settings that have changed since {run.last.name} was saved: "
            f"{'; '.join(changed)} ({run.config}, or --set)."
        ) from error


def versions() -> dict[str, str]:
    """Looks up the versions of what the result depends on.

    Returns:
        Version by name: Python, the backend of Keras, and installed packages of `VERSIONS`.
    """
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for name in VERSIONS:
        with contextlib.suppress(packages.PackageNotFoundError):
            found[name] = packages.version(name)
    return found


if __name__ == "__main__":
    sys.exit(run_verb(main))
