"""Options of `train` for a run of a detector study."""

import argparse
import json
from pathlib import Path

from fashion.config import RECIPES
from fashion.studies.detector_tables import folder_of
from fashion.studies.study import Study
from mrcnn.training.run_folder import RunFolder

# What --quick changes in the recipe "smoke", beside images, epochs and seeds.
# Tracing the graphs takes most of the time: a small backbone has fewer layers.
QUICK_SETTINGS = {
    "BACKBONE": "mobilenetv3_small",
    "IMAGE_MIN_DIM": 64,
    "IMAGE_MAX_DIM": 128,
    "TOP_DOWN_PYRAMID_SIZE": 16,
    "RPN_CHANNELS": 16,
    "MASK_CHANNELS": 8,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 64,
    "ATTRIBUTE_HIDDEN": 64,
    "PRE_NMS_LIMIT": 100,
    "POST_NMS_ROIS_TRAINING": 60,
    "POST_NMS_ROIS_INFERENCE": 40,
    "DETECTION_MAX_INSTANCES": 20,
    "WARMUP_STEPS": 2,
    "EVALUATE_IMAGES": 4,
    "VALIDATION_STEPS": 1,
}
QUICK_VALIDATION = 8  # images that --quick evaluates
QUICK_STEPS = 4  # batches of an epoch, where sizes are compared


def run_of(out: Path, name: str, seed: int) -> RunFolder:
    """Finds the finished run of a variant.

    Args:
        out: Folder of the study.
        name: The variant.
        seed: Seed of the run.

    Returns:
        The run folder.

    Raises:
        FileNotFoundError: There is none.
    """
    folder = folder_of(out, name, seed)
    runs = sorted(path.parent for path in folder.glob("*/config.json"))
    if not runs or not (folder / "metrics.json").exists():
        raise FileNotFoundError(
            f"There is no finished run of {name!r} with seed {seed} in {folder}, which this one "
            "builds on. Train it first: leave --only out, or name it too."
        )
    return RunFolder(runs[-1])


def training_options(args: argparse.Namespace, study: Study, name: str, seed: int) -> list[str]:
    """Writes the options of `train` for a run.

    Args:
        args: Result of `fashion.study.parse`.
        study: The study.
        name: Variant.
        seed: Seed of the run.

    Returns:
        The options, without --out.

    Raises:
        FileNotFoundError: The run that this one builds on is missing.
    """
    stages = study.stages_of(name, args.epochs, args.rate)
    settings = {"SEED": seed, "EVALUATE_EVERY": sum(stage[2] for stage in stages)}
    settings |= study.settings
    if study.sizes:  # as many batches whatever the number of images
        steps = RECIPES[args.base].STEPS_PER_EPOCH
        settings["STEPS_PER_EPOCH"] = args.recipe_settings.get("STEPS_PER_EPOCH", steps)
    if args.quick:
        settings |= QUICK_SETTINGS | ({"STEPS_PER_EPOCH": QUICK_STEPS} if study.sizes else {})
    settings |= study.variants[name]
    options = ["--recipe", args.recipe, *data_options(args)]
    former = study.references(list(study.variants)).get(name) if study.builds_on else None
    weights = str(run_of(args.out, former, seed).last) if former else args.weights
    if weights:
        options += ["--weights", weights]
    if study.exclude:
        options += ["--exclude", study.exclude]
    photos = study.photos_of(name, args.limit)
    if photos is not None:
        options += ["--limit", str(photos)]
    options += study.options.get(name, ())
    for key, value in (settings | {"STAGES": stages}).items():
        options += ["--set", f"{key}={json.dumps(value)}"]
    for text in args.set:
        options += ["--set", text]
    return options


def data_options(args: argparse.Namespace) -> list[str]:
    """Writes the options that name the data.

    Args:
        args: Result of `fashion.study.parse`.

    Returns:
        --data and --skip-bad, as far as they were given.
    """
    return [
        *(["--data", args.data] if args.data else []),
        *(["--skip-bad"] if args.skip_bad else []),
    ]
