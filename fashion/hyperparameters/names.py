"""What may be searched: options of `fashion train` and settings, and the words that set them."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fashion.cli.parser import did_you_mean
from fashion.cli.training_settings import chosen_stages
from fashion.config import FashionConfig
from fashion.hyperparameters.space import Space, Value
from mrcnn.config import DERIVED

# Options that may be searched, with the settings that they change.
OPTIONS: dict[str, tuple[str, ...]] = {
    "lr": ("STAGES",),
    "batch": ("IMAGES_PER_GPU",),
    "epochs": ("STAGES", "STEPS_PER_EPOCH"),
    "imgsz": ("IMAGE_MAX_DIM", "IMAGE_MIN_DIM", "RPN_ANCHOR_SCALES"),
    "optimizer": ("OPTIMIZER",),
    "schedule": ("LR_SCHEDULE",),
    "loss_weights": ("LOSS_WEIGHTS",),
    "backbone": ("BACKBONE",),
    "augment": ("AUGMENT",),
    "ema": ("EMA_MOMENTUM",),
    "accumulate": ("ACCUMULATE",),
    "weights": (),
    "exclude": (),
    "rebalance": (),
    "stage": (),
    "patience": (),
}
# Options that "none" leaves out; of the others it is a value, or wrong.
_MAY_BE_NONE = ("ema", "exclude", "rebalance", "patience")
# What options are that change no setting, where the command line does not name them.
_DEFAULTS: dict[str, Value] = {
    "weights": "imagenet",
    "exclude": "none",
    "rebalance": "none",
    "stage": "all",
    "patience": "none",
}
_SCORED = (
    "it decides which images are scored, and scores of other images could not be compared. Give it "
    "once for all trainings, outside --space"
)
# Settings that some optimizers do without: what they are called, and the optimizers that have them.
_OF_OPTIMIZERS = {
    "WEIGHT_DECAY": ("weight decay", ("sgd", "nesterov", "adamw", "rmsprop")),
    "LEARNING_MOMENTUM": ("momentum", ("sgd", "nesterov", "rmsprop")),
}
# Options and settings that may not be searched.
_REFUSED = {
    "seed": "--seed N seeds the search, and --seeds N repeats the best trainings",
    "SEED": "--seed N seeds the search, and --seeds N repeats the best trainings",
    **dict.fromkeys(
        ("data", "images", "val", "split", "fold", "val_fraction", "test_fraction"), _SCORED
    ),
    **dict.fromkeys(("near_duplicates", "limit", "EVALUATE_IMAGES"), _SCORED),
    "EVALUATE_EVERY": "it decides after which epochs a training is scored",
    "NUM_CLASSES": "it follows the data",
    "NUM_ATTRIBUTES": "it follows the data",
    "LEARNING_RATE": "every stage has its own; search lr, the highest of them",
    "workers": "it does not change the result",
    "processes": "it does not change the result",
    "NAME": "it does not change the result",
}


def setting_of(name: str) -> str | None:
    """Finds the setting that a parameter names.

    Args:
        name: "weight_decay" or "WEIGHT_DECAY"; the name of an option is not a setting.

    Returns:
        The setting; None for an option.

    Raises:
        ValueError: There is no such option or setting, or it may not be searched.
    """
    option = name.removeprefix("--").replace("-", "_")
    if option in OPTIONS:
        return None
    setting = option.upper()
    for key in (option, option.lower(), setting):
        if key in _REFUSED:
            raise ValueError(f"--space {name} cannot be searched: {_REFUSED[key]}.")
    if setting in DERIVED:
        raise ValueError(
            f"--space {name} cannot be searched: it follows from other settings "
            f"({DERIVED[setting]})."
        )
    known = [key for key in dir(FashionConfig) if key.isupper()]
    if setting in known:
        return setting
    meant = did_you_mean(option, OPTIONS) or did_you_mean(setting, known)
    if option == "momentum":  # EMA_MOMENTUM is spelled more alike
        meant = " Did you mean LEARNING_MOMENTUM?"
    raise ValueError(
        f"--space {name} cannot be searched: it is not a setting, and none of the options that can "
        f"be searched.{meant} These options are {', '.join(OPTIONS)}; `fashion settings` lists the "
        "settings."
    )


def check_names(space: Space, given: Sequence[str], settings: Sequence[str]) -> None:
    """Checks that no two parameters, options or settings change the same.

    Args:
        space: The search space.
        given: Options of `train` that the command line names.
        settings: Settings that --set names.

    Raises:
        ValueError: Two change the same, or a parameter has an unknown name.
    """
    changed: dict[str, str] = {}
    for name in space.names:
        setting = setting_of(name)
        option = name.replace("-", "_")
        if setting is None and option in given:
            raise ValueError(
                f"--{name.replace('_', '-')} is searched: leave the option out. The first trial "
                "takes the value of the recipe."
            )
        touched = OPTIONS[option] if setting is None else (setting,)
        for key in touched:
            other = changed.get(key)
            # The length of a training and its rate are two parts of its stages.
            if other and {other, option} != {"lr", "epochs"}:
                raise ValueError(f"--space: {other} and {name} both change {key}. Leave one out.")
            if key in settings:
                raise ValueError(
                    f"--set {key} would replace what is searched with {name}. Leave it out."
                )
            changed[key] = option if setting is None else name


def check_effects(space: Space, optimizer: str) -> None:
    """Checks that every parameter changes something with each optimizer that it is searched with.

    Args:
        space: The search space.
        optimizer: That of the recipe, where none is searched.

    Raises:
        ValueError: An optimizer does without the setting. The message advises a condition.
    """
    searched = next((each for each in space.parameters if _is_optimizer(each.name)), None)
    for parameter in space.parameters:
        word, having = _OF_OPTIMIZERS.get(setting_of(parameter.name) or "", ("", ()))
        if not having:
            continue
        among: Sequence[Value] = (optimizer,)
        if searched is not None:
            among = parameter.condition.get(searched.name, searched.choices)
        fitting = tuple(each for each in among if each in having)
        lacking = [str(each) for each in among if each not in having]
        if not lacking:
            continue
        one = len(lacking) == 1
        without = f"the optimizer{'s' * (not one)} {' and '.join(lacking)}"
        has = "has" if one else "have"
        if searched is None or not fitting:
            raise ValueError(
                f"--space {parameter.name} would change nothing: {without} {has} no "
                f"{word}. Leave it out, or train with one of {', '.join(having)}."
            )
        advised = dataclasses.replace(
            parameter, condition={**parameter.condition, searched.name: fitting}
        )
        raise ValueError(
            f"--space {parameter.name} would change nothing in trials with {without}, "
            f"which {has} no {word}. Search it with the others only, and keep the quotes: "
            f'"{advised.line()}".'
        )


def _is_optimizer(name: str) -> bool:
    return setting_of(name) == "OPTIMIZER" or name.removeprefix("--") == "optimizer"


def words_of(values: Mapping[str, Value]) -> list[str]:
    """Writes values as options of `fashion train`.

    Args:
        values: By the names of parameters.

    Returns:
        Words of a command line.
    """
    words: list[str] = []
    for name, value in values.items():
        setting = setting_of(name)
        option = name.replace("-", "_")
        if setting is not None:
            words += ["--set", f"{setting}={value}"]
        elif value == "none" and option in _MAY_BE_NONE:
            continue
        elif option == "rebalance":  # several rules are joined by "+"
            words += ["--rebalance", *str(value).split("+")]
        else:
            words += [f"--{option.replace('_', '-')}", str(value)]
    return words


def defaults_of(
    space: Space,
    config: FashionConfig,
    config_with: Callable[[dict[str, Value]], FashionConfig],
    stage: str = "all",
) -> tuple[dict[str, Value] | None, str]:
    """Finds the point of the space that changes nothing.

    Args:
        space: The search space.
        config: Of a training without anything searched.
        config_with: Values of parameters -> config of such a training.
        stage: Value of --stage.

    Returns:
        values: By the names of parameters; None if the space has no such point.
        reason: What it lacks; empty if there is one.
    """
    values: dict[str, Value] = {}
    for parameter in space.parameters:
        if not parameter.applies(values):
            continue
        found = _default_of(parameter.name, config, stage)
        if parameter.choices and found is None:
            for choice in parameter.choices:
                if _same(config_with({parameter.name: choice}), config):
                    found = choice
                    break
        if found is None or not parameter.contains(found):
            shown = "another value" if found is None else str(found)
            return None, f"{parameter.name} ({shown}, not {parameter.text()})"
        values[parameter.name] = found
    return values, ""


def _default_of(name: str, config: FashionConfig, stage: str) -> Value | None:
    """The value of a parameter without a search; None where only a comparison can show it."""
    setting, option = setting_of(name), name.replace("-", "_")
    if setting is not None:
        value = getattr(config, setting)
        return value if _is_number(value) else None
    if option in _DEFAULTS:
        return _DEFAULTS[option]
    stages = chosen_stages(config, stage)
    numbers: dict[str, Value] = {
        "lr": max((stage.learning_rate for stage in stages), default=0.0),
        "epochs": sum(stage.epochs for stage in stages),
        "batch": config.BATCH_SIZE,
        "imgsz": max(config.image_hw),
        "accumulate": config.ACCUMULATE,
    }
    return numbers.get(option)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(config: FashionConfig, other: FashionConfig) -> bool:
    texts = [json.dumps(each.to_dict(), sort_keys=True, default=str) for each in (config, other)]
    return texts[0] == texts[1]
