"""Run config: what config.json of a run folder may hold, checked before a training resumes from it.

The program writes the file, but people edit it, and disks damage it. Each value is compared with what
the recipe has in its place: its type, and limits beyond which no training makes sense. Whether sound
values work together is for `Config.validate`.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from fashion.config import RECIPES, FashionConfig
from fashion.datasets.rebalancing import RULES, agreed_rules
from fashion.datasets.splits import KINDS, Split
from fashion.labels.ontology import Ontology
from mrcnn.config import DERIVED
from mrcnn.training.run_folder import RunFolder

_MANY = 10**9  # more than any count of pixels, channels, epochs or batches that is meant
_NOT_NEGATIVE = {"NUM_ATTRIBUTES", "ATTRIBUTE_HARD_NEGATIVES"}  # whole numbers; others are from 1
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


def read_order(run: RunFolder) -> dict:
    """Reads what a run was asked to do.

    Args:
        run: The folder that training wrote.

    Returns:
        The content of its config.json, with "rebalance" as a list of RULES.

    Raises:
        FileNotFoundError: It is no run folder.
        ValueError: A value cannot be right. The message names the file, the key, the value and what was
            expected.
    """
    order = run.read_config()
    with blamed_on(run):
        _check_order(order)
        return order | {"rebalance": agreed_rules(order.get("rebalance"))}


@contextlib.contextmanager
def blamed_on(run: RunFolder | None) -> Iterator[None]:
    """Names config.json in whatever ValueError the block raises; None: a new run has none to blame."""
    try:
        yield
    except ValueError as error:
        if run is None or str(run.config) in str(error):
            raise
        raise ValueError(
            f"{run.config}: {error} Correct it there, or leave --resume out to start anew."
        ) from error


def ontology_of(order: dict) -> Ontology:
    """The label list in a checked order. Raises ValueError if its ids contradict each other."""
    try:
        return Ontology.from_dict(order["ontology"])
    except ValueError as error:
        raise ValueError(f"ontology: {error}") from error


def _check_order(order):
    recipe = _member(order, "recipe", _one_of(RECIPES))
    _member(order, "stage", _text("'all' or the name of a stage"))
    _member(order, "weights", _text("'imagenet', 'none' or a file"))
    _member(order, "exclude", _either(None, _pattern), missing=None)
    _member(order, "rebalance", _rules, missing=None)
    _member(order, "skip_bad", _truth)
    _member(order, "data", _either(None, _text("the folder of the data")), missing=None)
    _check_split(_member(order, "split", _object, missing={}))
    _check_settings(_member(order, "config", _object), RECIPES[recipe])
    _check_labels(_member(order, "ontology", _object))


def _check_split(split):
    for key in split:
        if key not in Split.__dataclass_fields__:
            raise ValueError(
                f"split has the key {_shown(key)}; expected {', '.join(Split.__dataclass_fields__)}."
            )
    _member(split, "kind", _one_of(KINDS), "split", missing=None)
    _member(split, "fold", _either(None, _list(_whole(1), 2)), "split", missing=None)
    _member(split, "val_fraction", _share, "split", missing=None)
    _member(split, "seed", _whole(-_MANY), "split", missing=None)
    _member(split, "near_duplicates", _truth, "split", missing=None)
    try:
        Split(**split)
    except ValueError as error:
        raise ValueError(f"split: {error}") from error


def _check_settings(settings, recipe: type[FashionConfig]):
    for name, value in settings.items():
        # `Config.from_dict` makes attributes of all: a method must not be replaced.
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            raise ValueError(
                f"config has the key {_shown(name)}; expected names of settings, in capitals."
            )
        if name == "STAGES":
            _stages(value, "config.STAGES")
        elif hasattr(recipe, name) and name not in DERIVED:  # of a newer version: kept and not used
            _setting(name, getattr(recipe, name))(value, f"config.{name}")


def _setting(name, default) -> Callable[[Any, str], None]:
    """The check of a setting, by the kind of its default."""
    if name == "SEED":
        return _whole(0, 2**32 - 1)
    if name == "JIT_COMPILE":
        return _either("auto", _truth)
    if name in ("MEAN_PIXEL", "PIXEL_STD"):
        return _either(None, _list(_number(-_MANY) if name == "MEAN_PIXEL" else _positive, None))
    if name == "SCALE_JITTER":
        return _either(None, _list(_number(0), 2))
    if name == "COMPUTE_BACKBONE_SHAPE":
        return _either(None, _text("the name of a function"))
    if name in ("IMAGE_MIN_SCALE", "WARMUP_STEPS"):  # with a fraction, too
        return _number(0)
    check = _of_kind(name, default)
    return _either(None, check) if name in _MAY_BE_NULL else check


def _of_kind(name, default):
    if isinstance(default, bool):
        return _truth
    if isinstance(default, int):
        return _whole(0 if name in _NOT_NEGATIVE else 1)
    if isinstance(default, float):
        return _number(0)
    if name == "BACKBONE_STRIDES":
        return _list(_whole(1), 5, or_length=1)  # one where NECK is "none"
    if isinstance(default, (tuple, list)):
        whole = name in ("MASK_SHAPE", "MINI_MASK_SHAPE", "MASK_BUCKETS")
        each = _whole(1) if whole else _positive if name in _ABOVE_ZERO else _number(0)
        return _list(each, None if name in _ANY_LENGTH else len(default))
    if isinstance(default, dict):
        return _numbers_by_name
    return _text(f"text, such as {default!r}")


def _stages(value, where):
    if not isinstance(value, list) or not value:
        raise _wrong(where, value, "a list of stages")
    for i, stage in enumerate(value):
        place = f"{where}[{i}]"
        _object(stage, place)
        unknown = sorted(stage.keys() - {"name", "layers", "epochs", "learning_rate"})
        if unknown:
            raise ValueError(
                f"{place} has the key {_shown(unknown[0])}; expected name, layers, epochs, learning_rate."
            )
        _member(stage, "name", _text("the name of the stage"), place)
        _member(stage, "layers", _pattern, place)
        _member(stage, "epochs", _whole(0), place)
        _member(stage, "learning_rate", _number(0), place)


def _check_labels(labels):
    for kind in ("categories", "attributes"):
        rows = _member(
            labels, kind, _list(_label, None, least=int(kind == "categories")), "ontology"
        )
        ids = [row[0] for row in rows]
        twice = next((i for i in ids if ids.count(i) > 1), None)
        if twice is not None:
            raise ValueError(f"ontology.{kind} has the id {twice} twice; expected each id once.")
    _member(labels, "attribute_category_ids", _list(_whole(0), None, least=0), "ontology")


def _label(row, where):
    if not isinstance(row, list) or len(row) != 3:
        raise _wrong(where, row, "[id, name, supercategory]")
    _whole(0)(row[0], f"{where}[0], an id,")
    _text("text")(row[1], f"{where}[1], a name,")
    _either(None, _text("text"))(row[2], f"{where}[2], a supercategory,")


# What follows makes checks: callables (value, where it is) that raise ValueError.

_REQUIRED = object()


def _member(values, key, check, where="", missing=_REQUIRED):
    """The checked value of a key; `missing` where there is none, unless it is required."""
    place = f"{where}.{key}" if where else key
    if key not in values:
        if missing is _REQUIRED:
            raise ValueError(f"{place} is missing; expected {_expected(check, place)}.")
        return missing
    check(values[key], place)
    return values[key]


def _expected(check, place):
    """What a check asks for: what it says of a value that nothing allows."""
    try:
        check(_REQUIRED, place)
    except ValueError as error:
        return str(error).rpartition("; expected ")[2].rstrip(".")


def _wrong(where, value, expected):
    return ValueError(f"{where} is {_shown(value)}; expected {expected}.")


def _shown(value):
    text = json.dumps(value, default=lambda other: "something else")
    return text if len(text) <= 60 else text[:57] + "…"


def _whole(least, most=_MANY):
    def check(value, where):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise _wrong(where, value, f"a whole number from {least:,} to {most:,}")

    return check


def _number(least):
    def check(value, where):
        # Not NaN and not infinite, which are no numbers in JSON, but Python reads them.
        if (
            not isinstance(value, (int, float))
            or isinstance(value, bool)
            or not least <= value <= _MANY
        ):
            raise _wrong(
                where, value, "a number" if least == -_MANY else f"a number from {least:g} on"
            )

    return check


def _positive(value, where):
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= _MANY:
        raise _wrong(where, value, "a number above 0")


def _share(value, where):
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 1:
        raise _wrong(where, value, "a number above 0 and below 1")


def _truth(value, where):
    if not isinstance(value, int) or value not in (0, 1):  # 0 and 1 as --set takes them
        raise _wrong(where, value, "true or false")


def _text(what):
    def check(value, where):
        if not isinstance(value, str) or "\0" in value or not _is_utf8(value):
            raise _wrong(where, value, what)

    return check


def _is_utf8(text):
    try:
        return text.encode() is not None
    except UnicodeEncodeError:  # half a character, which JSON can write as \ud800
        return False


def _pattern(value, where):
    _text("a regular expression that matches names of layers")(value, where)
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError):
        raise _wrong(where, value, "a regular expression that matches names of layers") from None


def _one_of(choices):
    def check(value, where):
        if not isinstance(value, str) or value not in choices:
            raise _wrong(where, value, f"one of {', '.join(sorted(choices))}")

    return check


def _either(other, check):
    """`other`, null for None, or what `check` allows."""

    def checked(value, where):
        if value is not other and value != other:
            try:
                check(value, where)
            except ValueError as error:
                also = "null" if other is None else repr(other)
                raise ValueError(f"{str(error).removesuffix('.')}, or {also}.") from None

    return checked


def _object(value, where):
    if not isinstance(value, dict):
        raise _wrong(where, value, "an object, {…}")


def _list(check, length, least=1, or_length=None):
    def checked(value, where):
        if not isinstance(value, list) or (
            len(value) < least if length is None else len(value) not in (length, or_length)
        ):
            also = f" or {or_length}" if or_length else ""
            raise _wrong(
                where, value, "a list" if length is None else f"a list of {length}{also} values"
            )
        for i, each in enumerate(value):
            check(each, f"{where}[{i}]")

    return checked


def _numbers_by_name(value, where):
    _object(value, where)
    for key, number in value.items():
        _number(0)(number, f"{where}.{key}")


def _rules(value, where):
    """A list of RULES; runs from when there was one rule noted true or false."""
    if value is None or isinstance(value, bool):
        return
    if (
        not isinstance(value, list)
        or not all(isinstance(rule, str) for rule in value)
        or not set(value) <= set(RULES)
    ):
        raise _wrong(where, value, f"a list of {', '.join(RULES)}")
