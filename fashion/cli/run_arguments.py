"""Run arguments: what a training was asked to do, as config.json of its run folder notes it.

The program writes the file, but people edit it, and disks damage it. Each value is compared with
the recipe's: its type, and limits beyond which no training makes sense. Whether the values fit
together is for `Config.validate`.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from fashion.cli.json_checks import (
    MANY,
    Check,
    boolean,
    either,
    fraction,
    json_object,
    list_of,
    member,
    number,
    numbers_by_name,
    one_of,
    pattern,
    positive,
    text,
    whole,
    wrong,
)
from fashion.config import RECIPES, FashionConfig
from fashion.datasets.rebalancing_rules import RULES, agreed_rules
from fashion.datasets.splits import KINDS, Split
from fashion.labels.ontology import Ontology
from mrcnn.config import DERIVED
from mrcnn.config import RULES as SETTING_RULES
from mrcnn.data.record_checks import preview
from mrcnn.setting_checks import Rule
from mrcnn.training.run_folder import RunFolder

# Options of `train` that a resumed run keeps, and what they are in a new run.
DEFAULTS: dict[str, Any] = {
    "recipe": "smoke",
    "stage": "all",
    "weights": "imagenet",
    "exclude": None,
    "rebalance": [],
    "limit": None,
    "augmentation": None,
    # These may change when a run resumes.
    "patience": None,
    "keep": 0,
}
MAY_CHANGE = ("patience", "keep")
# Whole numbers that may be 0; others are from 1 on.
_NOT_NEGATIVE = {"NUM_ATTRIBUTES", "ATTRIBUTE_HARD_NEGATIVES"}
_ABOVE_ZERO = {
    "BBOX_STD_DEV",
    "RPN_BBOX_STD_DEV",
    "PIXEL_STD",
    "RPN_ANCHOR_SCALES",
    "RPN_ANCHOR_RATIOS",
}
# Lists that may have another length than the recipe's.
_ANY_LENGTH = {"RPN_ANCHOR_SCALES", "RPN_ANCHOR_RATIOS", "MASK_BUCKETS"}
_MAY_BE_NULL = {"STEPS_PER_EPOCH", "VALIDATION_STEPS", "TRAIN_BN", "DETECTION_MIN_CONFIDENCE"}


def read_run_arguments(run: RunFolder) -> dict[str, Any]:
    """Reads and checks config.json of a run folder.

    Args:
        run: The folder that training wrote.

    Returns:
        Its content, with "rebalance" as a list of RULES.

    Raises:
        FileNotFoundError: It is not a run folder.
        ValueError: A value cannot be right. The message names file, key, value and what was
            expected.
    """
    arguments = run.read_config()
    with naming_config(run):
        _check_arguments(arguments)
        return arguments | {"rebalance": agreed_rules(arguments.get("rebalance"))}


@contextlib.contextmanager
def naming_config(run: RunFolder | None) -> Iterator[None]:
    """Names config.json in every ValueError that the block raises.

    Args:
        run: The run folder; None for a new run, whose errors stay as they are.

    Yields:
        Nothing.

    Raises:
        ValueError: As the block.
    """
    try:
        yield
    except ValueError as error:
        if run is None or str(run.config) in str(error):
            raise
        raise ValueError(
            f"{run.config}: {error} Correct it there, or leave --resume out to start a new run."
        ) from error


def ontology_of(arguments: dict[str, Any]) -> Ontology:
    """Makes the label list of a run.

    Args:
        arguments: Checked run arguments.

    Returns:
        The label list.

    Raises:
        ValueError: Its ids contradict each other.
    """
    try:
        return Ontology.from_dict(arguments["ontology"])
    except ValueError as error:
        raise ValueError(f"ontology: {error}") from error


def _check_arguments(arguments):
    recipe = member(arguments, "recipe", one_of(RECIPES))
    member(arguments, "stage", text("'all' or the name of a stage"))
    member(arguments, "weights", text("'imagenet', 'none' or a file"))
    member(arguments, "exclude", either(None, pattern), missing=None)
    member(arguments, "rebalance", _rules, missing=None)
    member(arguments, "limit", either(None, whole(1)), missing=None)
    member(arguments, "augmentation", either(None, json_object), missing=None)
    member(arguments, "patience", either(None, whole(1)), missing=None)
    member(arguments, "keep", whole(0), missing=0)
    member(arguments, "skip_bad", boolean)
    words = list_of(text("a word of a command"), None)
    member(arguments, "resume_commands", list_of(words, None, least=0), missing=[])
    member(arguments, "ended", either(None, text("why the training ended")), missing=None)
    for name in ("data", "images", "val"):
        member(arguments, name, either(None, text("the folder or file of the data")), missing=None)
    _check_split(member(arguments, "split", json_object, missing={}))
    _check_settings(member(arguments, "config", json_object), RECIPES[recipe])
    _check_labels(member(arguments, "ontology", json_object))


def _check_split(split):
    for key in split:
        if key not in Split.__dataclass_fields__:
            known = ", ".join(Split.__dataclass_fields__)
            raise ValueError(f"split has the key {preview(key)}; expected {known}.")
    member(split, "kind", one_of(KINDS), "split", missing=None)
    member(split, "fold", either(None, list_of(whole(1), 2)), "split", missing=None)
    member(split, "val_fraction", fraction, "split", missing=None)
    member(split, "test_fraction", number(0), "split", missing=None)
    member(split, "seed", whole(-MANY), "split", missing=None)
    member(split, "near_duplicates", boolean, "split", missing=None)
    try:
        Split(**split)
    except ValueError as error:
        raise ValueError(f"split: {error}") from error


def _check_settings(settings, recipe: type[FashionConfig]):
    for name, value in settings.items():
        # `Config.from_dict` makes attributes of all: a method must not be replaced.
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            raise ValueError(
                f"config has the key {preview(name)}; expected names of settings, in capitals."
            )
        if name == "STAGES":
            _stages(value, "config.STAGES")
        elif (
            hasattr(recipe, name) and name not in DERIVED
        ):  # others are of a newer version, and not used
            _setting(name, getattr(recipe, name))(value, f"config.{name}")


def _setting(name, default) -> Check:
    """The check of a setting, by the kind of its default."""
    if name == "SEED":
        return whole(0, 2**32 - 1)
    if name == "JIT_COMPILE":
        return either("auto", boolean)
    if name in ("MEAN_PIXEL", "PIXEL_STD"):
        return either(None, list_of(number(-MANY) if name == "MEAN_PIXEL" else positive, None))
    if name in ("SCALE_JITTER", "DETECTION_OTHER_CLASS"):
        return either(None, list_of(number(0), 2))
    if name == "SCORE_CALIBRATION":
        return either(None, list_of(number(-MANY), 2))
    if name == "DETECTION_BACKGROUND_LOGIT":
        return number(-MANY)
    if name == "COMPUTE_BACKBONE_SHAPE":
        return either(None, text("the name of a function"))
    if name in ("IMAGE_MIN_SCALE", "WARMUP_STEPS"):  # with a fraction, too
        return number(0)
    if default is None and name in SETTING_RULES:
        return _by_rule(SETTING_RULES[name])
    check = _of_kind(name, default)
    return either(None, check) if name in _MAY_BE_NULL else check


def _by_rule(rule: Rule) -> Check:
    """The check of a setting whose default, null, tells nothing of other values."""

    def checked(value, place):
        if not rule.allows(value):
            raise wrong(place, value, rule.says.removeprefix("be "))

    return checked


def _of_kind(name, default):
    if isinstance(default, bool):
        return boolean
    if isinstance(default, int):
        return whole(0 if name in _NOT_NEGATIVE else 1)
    if isinstance(default, float):
        return number(0)
    if name == "BACKBONE_STRIDES":
        return list_of(whole(1), 5, or_length=1)  # one where NECK is "none"
    if isinstance(default, (tuple, list)):
        if name in ("MASK_SHAPE", "MINI_MASK_SHAPE", "MASK_BUCKETS"):
            each = whole(1)
        else:
            each = positive if name in _ABOVE_ZERO else number(0)
        return list_of(each, None if name in _ANY_LENGTH else len(default))
    if isinstance(default, dict):
        return numbers_by_name
    return text(f"text, such as {default!r}")


def _stages(value, where):
    if not isinstance(value, list) or not value:
        raise wrong(where, value, "a list of stages")
    for i, stage in enumerate(value):
        place = f"{where}[{i}]"
        json_object(stage, place)
        unknown = sorted(stage.keys() - {"name", "layers", "epochs", "learning_rate"})
        if unknown:
            raise ValueError(
                f"{place} has the key {preview(unknown[0])}; expected name, layers, epochs, "
                "learning_rate."
            )
        member(stage, "name", text("the name of the stage"), place)
        member(stage, "layers", pattern, place)
        member(stage, "epochs", whole(0), place)
        member(stage, "learning_rate", number(0), place)


def _check_labels(labels):
    for kind in ("categories", "attributes"):
        rows = member(
            labels, kind, list_of(_label, None, least=int(kind == "categories")), "ontology"
        )
        ids = [row[0] for row in rows]
        twice = next((i for i in ids if ids.count(i) > 1), None)
        if twice is not None:
            raise ValueError(f"ontology.{kind} has the id {twice} twice; expected each id once.")
    member(labels, "attribute_category_ids", list_of(whole(0), None, least=0), "ontology")


def _label(row, where):
    if not isinstance(row, list) or len(row) != 3:
        raise wrong(where, row, "[id, name, supercategory]")
    whole(0)(row[0], f"{where}[0], an id,")
    text("text")(row[1], f"{where}[1], a name,")
    either(None, text("text"))(row[2], f"{where}[2], a supercategory,")


def _rules(value, where):
    """Checks for a list of RULES; older runs, when there was one rule, note true or false."""
    if value is None or isinstance(value, bool):
        return
    if (
        not isinstance(value, list)
        or not all(isinstance(rule, str) for rule in value)
        or not set(value) <= set(RULES)
    ):
        raise wrong(where, value, f"a list of {', '.join(RULES)}")
