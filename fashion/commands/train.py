"""The work of `fashion train`: data, model, run folder and the training itself."""

import contextlib
import platform
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import keras
import numpy as np

from fashion.augmentation import default_augmenter
from fashion.cli.data import open_files
from fashion.cli.interrupts import resumable
from fashion.cli.locks import working_in
from fashion.cli.quiet import without_retracing_warnings
from fashion.cli.run_arguments import DEFAULTS, naming_config, ontology_of
from fashion.cli.run_to_resume import agreed_arguments, changed_settings, run_to_resume
from fashion.cli.start_weights import convention_of, start_weights
from fashion.cli.training_plan import plan_text, used_text
from fashion.cli.training_settings import chosen_stages, option_settings
from fashion.cli.versions import installed_versions
from fashion.config import BEFORE, RECIPES, FashionConfig
from fashion.datasets.files import DataFiles
from fashion.datasets.holding_out import agreed_split, held_out_by, note_of
from fashion.datasets.label_counts import label_counts
from fashion.datasets.rebalancing import Histogram, paste_weights, starting_repeats
from fashion.datasets.split_table import split_table, summary, worst, write_split_table
from fashion.datasets.splits import load_train_and_val, shuffled
from fashion.datasets.summary import summary_of
from fashion.evaluation.monitor import Monitor
from fashion.exploration.preview import write_preview
from fashion.labels.ontology import Ontology
from fashion.model import FashionModel
from fashion.pages.text import count
from fashion.reports.run_facts import ENDED, ENDED_EARLY
from fashion.reports.run_page import write_run_page
from mrcnn.data.augmentation.augmenter_files import augmenter_from
from mrcnn.data.batches import training_batches, validation_batches
from mrcnn.locks import check_free
from mrcnn.modeling.devices import has_gpu
from mrcnn.training.checkpoints import epochs_in
from mrcnn.training.fit_detector import fit_detector
from mrcnn.training.progress import EpochRecord, ProgressLines, shows_bars
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.weights.h5_files import read_metadata

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


def run(args: Namespace) -> RunFolder | None:
    """Trains.

    Args:
        args: Result of `fashion.train.parse`.

    Returns:
        The run folder; None if only the split or a preview was asked for.
    """
    with contextlib.ExitStack() as locks:
        return _start_or_resume(args, locks)


def _start_or_resume(args: Namespace, locks: contextlib.ExitStack) -> RunFolder | None:
    """Does what `run` does; `locks` receives the lock on the run folder."""
    run, arguments = requested_run(args)
    files = open_data(args, arguments, run)
    config, ontology, stages = _agreed_settings(args, arguments, run, files)
    keras.utils.set_random_seed(config.SEED)
    split = agreed_split(arguments, args, files)
    train, validation = load_train_and_val(
        files, ontology, split=split, held_out=held_out_by(run), skip_bad=arguments["skip_bad"]
    )
    train = limited(train, arguments["limit"], config.SEED)
    shares = split_table(train, validation)
    if args.show_split:
        print(f"{worst(shares)}\n{summary(shares)}")
        return None
    labels = _counted_labels(train, config)
    batches = _training_batches(args, arguments, config, train, labels)
    if args.preview:
        print(f"augmented training images: {write_preview(args.preview, batches, ontology)}")
        batches.close()
        return None
    # A run that was killed in its first epoch starts again, in its folder.
    resumes = run is not None and run.last.exists()
    facts = _facts(args, arguments, files, config, train, validation)
    facts |= _changed_fact(run, arguments, args)
    print(plan_text(config, stages, len(batches), facts), flush=True)
    with naming_config(None if args.set else run):
        model = FashionModel(config, ontology, train.attribute_counts())
    if not resumes:
        start_weights(model, arguments["weights"], arguments["exclude"])

    arguments |= _noted(arguments, args.resume, files, split, config, ontology, stages)
    run = _locked_run(args, locks, run, config, arguments)
    write_split_table(run.path / "split.csv", shares)
    print(_beginning(run, resumes, stages), flush=True)
    # A resumed run keeps its files: they tell which categories were missed last.
    if arguments["rebalance"] and not resumes:
        _write_rebalancing(run, arguments["rebalance"], labels, batches)
    in_order = validation_batches(validation, config, args.workers, args.processes)
    options = {
        "evaluate": _monitor(model, validation, run, batches, labels, arguments["rebalance"]),
        "validation": in_order,
        "resume": resumes,
        "metadata": model.metadata() | {"split": note_of(split, validation)},
        **_fit_options(run, arguments, config, stages, len(in_order)),
    }
    with resumable(_resuming_command(args, run)), explaining_changed_settings(run, config):
        with without_retracing_warnings():
            history = fit_detector(model.detector, config, batches, stages, run, **options)
    _note_end(run, history, stages)
    _report(run)
    return run


def _counted_labels(train, config):
    """Counts the labels, and tells the config the counts that Seesaw loss needs."""
    labels = label_counts(train)
    if config.SEESAW_LOSS and config.CLASS_COUNTS is None:
        config.CLASS_COUNTS = [0, *labels.categories.sum(axis=0).tolist()]
    return labels


def requested_run(args: Namespace) -> tuple[RunFolder | None, dict[str, Any]]:
    """Finds out which run is asked for; sets `args.resume` if it is one that exists.

    Args:
        args: Result of `fashion.train.parse`.

    Returns:
        run: The run folder to resume; None for a new run.
        arguments: The run arguments: of the folder, or of the command line.

    Raises:
        FileNotFoundError: There is no run to resume.
        ValueError: The run was started with other arguments.
        FolderInUse: Another command works in the run folder.
    """
    run = run_to_resume(args)
    if run is not None:
        check_free(run.path)
        arguments = agreed_arguments(run, args)
        args.resume = True
        return run, arguments
    arguments = {name: getattr(args, name) or default for name, default in DEFAULTS.items()}
    if not args.recipe:
        arguments["recipe"] = recipe_for(args.data)[0]
    return None, arguments | {"skip_bad": args.skip_bad}


def recipe_for(data: str | None) -> tuple[str, str]:
    """Chooses a recipe.

    Args:
        data: Value of --data.

    Returns:
        The name of the recipe, and why.
    """
    if data is None:
        return "smoke", "made for the built-in drawings; --data names your own images"
    if has_gpu():
        return "baseline", "made for a GPU, and there is one; --recipe chooses another"
    return "ccp", "a small network, since there is no GPU; --recipe chooses another"


def open_data(args: Namespace, arguments: Mapping[str, Any], run: RunFolder | None) -> DataFiles:
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
    noted = {name: arguments.get(name) for name in ("data", "images", "val")}
    if args.data:
        noted = {"data": args.data}
    given = {name: getattr(args, name) or noted.get(name) for name in ("data", "images", "val")}
    try:
        return open_files(**given)
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
    recipe, stage = arguments["recipe"], arguments["stage"]
    # Options act on the recipe, not on a run: the same command means the same when it resumes.
    base = recipe_config(recipe, ontology, args.recipe_settings)
    options = args.recipe_settings | option_settings(args, base, stage) | dict(args.set)
    try:
        config = recipe_config(recipe, ontology, settings | options)
    except ValueError:
        # config.json is to blame if its settings are wrong without the options, too.
        with naming_config(run):
            recipe_config(recipe, ontology, settings)
        raise
    with naming_config(run):
        return config, ontology, chosen_stages(config, stage)


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


def limited(dataset: Any, limit: int | None, seed: int) -> Any:
    """Chooses some images of a data set at random.

    Args:
        dataset: `IMaterialistDataset`.
        limit: How many; None for all.
        seed: Another seed chooses others.

    Returns:
        The data set itself if it has no more images, otherwise a part of it.
    """
    if limit is None or limit >= len(dataset.image_ids):
        return dataset
    ids = (str(info["id"]) for info in dataset.image_info)
    return dataset.subset(set(shuffled(ids, seed)[:limit]))


def _training_batches(args, arguments, config, train, labels):
    rebalance = arguments["rebalance"]
    augmenter = None
    if config.AUGMENT:
        described = arguments["augmentation"]
        augmenter = augmenter_from(described) if described else default_augmenter()
    return training_batches(
        train,
        config,
        augmenter=augmenter,
        repeats=starting_repeats(labels, rebalance, config),
        class_weights=paste_weights(labels) if rebalance else None,
        workers=args.workers,
        processes=args.processes,
    )


def _facts(args, arguments, files, config, train, validation) -> dict[str, str]:
    """The first lines of the plan: data, recipe and start weights."""
    recipe, kept = arguments["recipe"], len(validation.kept_for_test)
    why = "as the run was started" if args.resume else "as asked"
    if not args.resume and not args.recipe:
        why = recipe_for(args.data)[1]
    weights = {"imagenet": "ImageNet", "coco": "COCO", "none": "none, everything is new"}
    return {
        "data": f"{files.source()}: {count(config.NUM_CLASSES - 1, 'category', 'categories')}, "
        f"{count(config.NUM_ATTRIBUTES, 'attribute')}",
        "train": summary_of(train),
        "validate": f"{summary_of(validation)}{used_text(config, len(validation.image_ids))}",
        **({"test": f"{count(kept, 'image')} kept for evaluate --split test"} if kept else {}),
        "recipe": f"{recipe} ({why})",
        "start": f"weights: {weights.get(arguments['weights'], arguments['weights'])}",
    }


def _changed_fact(run, arguments, args) -> dict[str, str]:
    """The line of the plan about settings that --resume changes in a run."""
    changed = changed_settings(run, arguments, args) if run else {}
    lines = [f"{name} from {was} to {new}" for name, (was, new) in changed.items()]
    return {"changed": ", ".join(lines)} if lines else {}


def _locked_run(args, locks, run, config, arguments):
    """The run folder, locked; of a new run with its config.json."""
    if run is None and args.name:
        run = RunFolder(args.out / args.name)
        run.path.mkdir(parents=True, exist_ok=True)
    run = run or RunFolder.create(args.out, f"{config.NAME}{datetime.now():%Y%m%dT%H%M%S}")
    locks.enter_context(working_in(run.path, "train", below=True))
    if not args.resume:
        run.clear()
        (run.path / "predictions.json").unlink(missing_ok=True)
        run.write_config(arguments)
    return run


def _noted(arguments, resumes, files, split, config, ontology, stages):
    """What config.json says beside the run arguments."""
    return {
        **_noted_commands(arguments, resumes),
        **files.noted(),
        "split": split.to_dict(),
        "seed": config.SEED,
        "stages": [vars(stage) for stage in stages],
        "versions": versions(),
        "config": config.to_dict(),
        "ontology": ontology.to_dict(),
    }


def _noted_commands(arguments: Mapping[str, Any], resumes: bool) -> dict[str, Any]:
    """The commands that started and resumed a run, and that its training has not ended."""
    later: list[Any] = [*arguments.get("resume_commands", ()), sys.argv] if resumes else []
    first = arguments.get("command") or sys.argv if resumes else sys.argv
    return {"command": first, "resume_commands": later, "ended": None}


def _note_end(run: RunFolder, history: Sequence[Any], stages: Sequence[Stage]) -> None:
    ended = ENDED if len(history) >= sum(stage.epochs for stage in stages) else ENDED_EARLY
    run.write_config(run.read_config() | {"ended": ended})


def _beginning(run: RunFolder, resumes: bool, stages: Sequence[Stage]) -> str:
    if not resumes:
        return f"run folder: {run.path}"
    done, planned = epochs_in(run.last), sum(stage.epochs for stage in stages)
    return f"run folder: {run.path}, resumed after epoch {done} of {planned}"


def _fit_options(run, arguments, config, stages, validation_steps) -> dict[str, Any]:
    # Changed settings are written once the old checkpoint has turned out to fit them.
    writer = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: run.write_config(arguments))
    epochs = sum(stage.epochs for stage in stages)
    lines = ProgressLines(config.BATCH_SIZE, epochs, validation_steps, bar=shows_bars())
    return {
        "callbacks": [writer, EpochRecord(), lines],
        "every": config.EVALUATE_EVERY,
        "patience": arguments["patience"],
        "keep": arguments["keep"],
    }


def _resuming_command(args: Namespace, run: RunFolder) -> str | None:
    """The command that resumes a run; None for the same command again."""
    return (
        None if args.name else shlex.join(["fashion", "train", "--resume", "--out", str(run.path)])
    )


def _report(run: RunFolder) -> None:
    """Writes the page of the run; prints its table and what can be done next."""
    print(f"\nbest checkpoint: {run.best}", flush=True)
    try:
        print(write_run_page(run.path))
    except (OSError, ValueError) as error:  # the training itself is complete
        again = shlex.join(["fashion", "runs", "--page", str(run.path)])
        print(f"The page of the run could not be written: {error} To try again: {again}")
    predict = ["fashion", "predict", "--weights", str(run.path), "--images", "PHOTO"]
    print(f"on a photo: {shlex.join(predict)}")


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
    own = {"python": platform.python_version(), "backend": keras.backend.backend()}
    return own | installed_versions(VERSIONS)
