"""Settings of a training: what the options of `fashion train` change in a recipe.

One rule says how they act on the stages:

* --epochs N is the length of the whole training. The stages share it as in the recipe, each with
  one epoch at least; with fewer epochs than stages the last ones are trained.
* --lr RATE is the highest learning rate; stages with lower rates keep their proportion to it.
* An epoch is STEPS_PER_EPOCH batches of the recipe. With --epochs or --limit it is all training
  images once.
* --stage NAME trains this stage alone; --epochs and --lr are its own then.

The order, from weak to strong: the recipe, a file of settings, the options, --set.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fashion.cli.parser import did_you_mean
from fashion.config import LOSS_PRESETS, RECIPES, FashionConfig
from mrcnn.config import DERIVED, LOSSES
from mrcnn.json_files import read_object
from mrcnn.setting_checks import check_loss_weights, shown
from mrcnn.training.stages import Stage

# Sides of the network input are multiples of this.
SIDE = 64
EMA_MOMENTUM = 0.999  # of --ema without a number
# Options that are settings, with the settings that they change.
_DIRECT = {
    "optimizer": "OPTIMIZER",
    "schedule": "LR_SCHEDULE",
    "backbone": "BACKBONE",
    "seed": "SEED",
    "ema": "EMA_MOMENTUM",
    "accumulate": "ACCUMULATE",
}


def read_recipe(text: str) -> tuple[str | None, dict[str, Any]]:
    """Reads the value of --recipe.

    Args:
        text: Name of a recipe; or a .json, .yaml or .yml file of settings. A file may be the
            config.json of a run, {"recipe": name, "settings": {...}}, or settings alone.

    Returns:
        Name of the recipe, None if the file names none; and the settings of the file.

    Raises:
        ValueError: There is no such recipe, or the file holds no settings.
        OSError: The file cannot be read.
    """
    if text in RECIPES:
        return text, {}
    path = Path(text)
    if path.suffix.lower() not in (".json", ".yaml", ".yml"):
        raise ValueError(
            f"--recipe must be one of {', '.join(RECIPES)}, or a .json or .yaml file of settings. "
            f"Got {text}.{did_you_mean(text, RECIPES)}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}, which --recipe names.")
    found = read_object(path)
    name = found.pop("recipe", None)
    if name is not None and name not in RECIPES:
        raise ValueError(
            f"{path}: recipe must be one of {', '.join(RECIPES)}. Got {shown(name)}."
            f"{did_you_mean(str(name), RECIPES)}"
        )
    for key in ("settings", "config"):
        if isinstance(found.get(key), dict):
            found = found[key]
    known = [key for key in dir(FashionConfig) if key.isupper()]
    for key in found:
        if key not in known and key not in DERIVED:
            raise ValueError(
                f"{path}: there is no setting {key}.{did_you_mean(key, known)} `fashion train "
                "--list-settings` lists all."
            )
    # The labels are those of the data.
    left_out = {*DERIVED, "NUM_CLASSES", "NUM_ATTRIBUTES", "NAME"}
    return name, {key: value for key, value in found.items() if key not in left_out}


def loss_weights(text: str) -> dict[str, float]:
    """Converts the value of --loss-weights.

    Args:
        text: A name of `LOSS_PRESETS`, or a JSON object of names and weights.

    Returns:
        Weights by the names of losses; others keep those of the recipe.

    Raises:
        argparse.ArgumentTypeError: It is neither.
    """
    if text in LOSS_PRESETS:
        return dict(LOSS_PRESETS[text])
    try:
        weights = json.loads(text)
        check_loss_weights(weights, (*LOSSES, *FashionConfig.losses_of_heads))
        unknown = [name for name in weights if name not in FashionConfig.LOSS_WEIGHTS]
    except ValueError as error:
        if text.lstrip().startswith("{") and not isinstance(error, json.JSONDecodeError):
            raise argparse.ArgumentTypeError(f"cannot be used: {error}") from error
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(LOSS_PRESETS)}, or JSON such as "
            f"'{{\"mrcnn_mask_loss\": 2}}'. Got {text}.{did_you_mean(text, LOSS_PRESETS)}"
        ) from error
    if unknown:
        raise argparse.ArgumentTypeError(
            f"knows no loss {unknown[0]}; there are {', '.join(FashionConfig.LOSS_WEIGHTS)}."
        )
    return weights


def option_settings(
    args: argparse.Namespace, base: FashionConfig, stage: str = "all"
) -> dict[str, Any]:
    """Converts options to settings, by the rule above.

    Args:
        args: Parsed arguments of `train`.
        base: Settings of the recipe and of the file that --recipe names.
        stage: Value of --stage.

    Returns:
        Settings by name; those of options that were not given are left out.

    Raises:
        ValueError: --batch does not fit GPU_COUNT.
    """
    given = vars(args)
    settings = {
        setting: given[option] for option, setting in _DIRECT.items() if given[option] is not None
    }
    explicit = dict(args.set)
    if args.epochs or args.lr:
        settings["STAGES"] = changed_stages(base.STAGES, stage, args.epochs, args.lr)
    if args.epochs or args.limit:
        settings["STEPS_PER_EPOCH"] = None
    if args.batch:
        settings["IMAGES_PER_GPU"] = _images_per_gpu(
            args.batch, explicit.get("GPU_COUNT", base.GPU_COUNT)
        )
    if args.limit:
        # The validation images stay those of the split: best.h5 names them, and others score it.
        batch = args.batch or base.BATCH_SIZE
        steps = base.VALIDATION_STEPS or args.limit
        settings["VALIDATION_STEPS"] = min(steps, math.ceil(args.limit / batch))
        settings["EVALUATE_IMAGES"] = min(base.EVALUATE_IMAGES, args.limit)
    if args.imgsz:
        settings |= sized(base, args.imgsz)
    if args.loss_weights:
        settings["LOSS_WEIGHTS"] = {**base.LOSS_WEIGHTS, **args.loss_weights}
    if args.augment in ("default", "none"):
        settings["AUGMENT"] = args.augment == "default"
    elif args.augment:
        settings["AUGMENT"] = True
    return settings


def requested_config(args: argparse.Namespace, recipe: type[FashionConfig]) -> FashionConfig:
    """Makes the config that the arguments of `train` ask for.

    Args:
        args: Parsed arguments of `train`.
        recipe: The recipe that they name.

    Returns:
        The config, with the number of labels of the recipe.

    Raises:
        ValueError: A setting has an impossible value, or there is no such stage.
    """
    config = recipe.from_dict(args.recipe_settings)
    options = option_settings(args, config, args.stage or "all")
    config = recipe.from_dict(args.recipe_settings | options | dict(args.set))
    chosen_stages(config, args.stage or "all")
    return config


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
        hint = did_you_mean(name, ["all", *(stage.name for stage in config.STAGES)])
        raise ValueError(f"--stage must be 'all' or one of {names}. Got {name!r}.{hint}")
    return stages


def changed_stages(
    stages: Sequence[Stage], name: str, epochs: int | None, rate: float | None
) -> tuple[Stage, ...]:
    """Gives stages another length and other learning rates.

    Args:
        stages: Of a recipe.
        name: "all", or the stage to change; the others stay.
        epochs: Of all changed stages together; None leaves them.
        rate: The highest learning rate; None leaves them.

    Returns:
        The stages.
    """
    chosen = [stage for stage in stages if name in ("all", stage.name)]
    lengths = shared_epochs([stage.epochs for stage in chosen], epochs)
    highest = max((stage.learning_rate for stage in chosen), default=0.0)
    changed = iter(lengths)
    result = []
    for stage in stages:
        if name in ("all", stage.name):
            learning_rate = stage.learning_rate
            if rate is not None:
                learning_rate = rate * (learning_rate / highest if highest else 1.0)
            stage = Stage(stage.name, stage.layers, next(changed), learning_rate)
        result.append(stage)
    return tuple(result)


def shared_epochs(lengths: Sequence[int], epochs: int | None) -> list[int]:
    """Shares epochs among stages.

    Args:
        lengths: Epochs of the stages in the recipe.
        epochs: Epochs in all; None leaves the stages as they are.

    Returns:
        Epochs of the stages: one each at least, as far as they go round, else for the last ones.
    """
    if epochs is None or not lengths:
        return list(lengths)
    shared = []
    left, weight = epochs, sum(lengths)
    for index, length in enumerate(lengths):
        after = len(lengths) - index - 1
        if not after:
            shared.append(left)
        else:
            share = max(1, round(left * length / weight)) if weight else 0
            shared.append(max(0, min(share, left - after)))
        left, weight = left - shared[-1], weight - length
    return shared


def sized(base: FashionConfig, longest: int) -> dict[str, Any]:
    """Changes the size of the network input.

    The shorter side and the sides of anchors keep their proportion to the longest side.

    Args:
        base: Settings of the recipe.
        longest: Longest side, pixels.

    Returns:
        The settings of sizes.

    Raises:
        ValueError: `longest` is not a multiple of 64.
    """
    if longest % SIDE:
        low = max(SIDE, longest // SIDE * SIDE)
        raise ValueError(
            f"--imgsz must be a multiple of {SIDE} (the pyramid halves the image six times). Got "
            f"{longest}; the nearest sizes are {low} and {low + SIDE}."
        )
    factor = longest / max(base.image_hw)
    shortest = longest
    if base.IMAGE_MIN_DIM and base.IMAGE_MIN_DIM < base.IMAGE_MAX_DIM:
        shortest = max(SIDE, math.floor(base.IMAGE_MIN_DIM * factor / SIDE + 0.5) * SIDE)
    scales = [_plain_number(scale * factor) for scale in base.RPN_ANCHOR_SCALES]
    return {"IMAGE_MAX_DIM": longest, "IMAGE_MIN_DIM": shortest, "RPN_ANCHOR_SCALES": scales}


def _plain_number(value: float) -> float:
    return int(value) if value == int(value) else round(value, 2)


def _images_per_gpu(batch: int, devices: int) -> int:
    if batch % devices:
        raise ValueError(
            f"--batch must be a multiple of GPU_COUNT, which is {devices}: every device takes as "
            f"many images. Got {batch}."
        )
    return batch // devices
