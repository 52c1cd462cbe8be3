"""Checks of single values: their type, their range, and what a mistyped name stands for."""

import difflib
import math
import numbers
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

# Two names that are this much alike are one, mistyped: IMAGE_MAXDIM and IMAGE_MAX_DIM are at 0.96.
ALIKE = 0.88


@dataclass(frozen=True)
class Rule:
    """What a setting must be.

    Attributes:
        says: The rule in words, to follow "must".
        allows: Whether a value keeps it.
    """

    says: str
    allows: Callable[[object], bool]


def is_number(value: object) -> TypeGuard[float]:
    """Returns whether a value is one finite number, of Python or NumPy.

    Args:
        value: Anything.

    Returns:
        False for True and False as well, which Python counts as integers.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def as_integer(value: object) -> int | None:
    """Converts a whole number.

    Args:
        value: Anything.

    Returns:
        An int, 40 for 40.0; None for what is not a whole number.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if is_number(value) and value == int(value):
        return int(value)
    return None


def is_whole(value: object) -> TypeGuard[float]:
    """Returns whether a value is a whole number.

    Args:
        value: Anything.

    Returns:
        True for 2.0, too.
    """
    return is_number(value) and as_integer(value) is not None


def whole(least: int = 1, most: float = math.inf) -> Rule:
    """Makes the rule for a whole number.

    Args:
        least: The smallest value allowed.
        most: The largest.

    Returns:
        The rule.
    """
    words = f"be a whole number, at least {least}" + (
        f", at most {most}" if most < math.inf else ""
    )
    return Rule(words, lambda value: is_whole(value) and least <= value <= most)


def number(least: float = 0, most: float = math.inf) -> Rule:
    """Makes the rule for a number in a range.

    Args:
        least: The smallest value allowed.
        most: The largest value allowed.

    Returns:
        The rule.
    """
    words = (
        f"be a number from {least:g} to {most:g}"
        if most < math.inf
        else f"be a number, at least {least:g}"
    )
    return Rule(words, lambda value: is_number(value) and least <= value <= most)


def fraction() -> Rule:
    """Makes the rule for a number from 0 to 1.

    Returns:
        The rule.
    """
    return Rule("be a fraction and lie in 0..1", lambda value: is_number(value) and 0 <= value <= 1)


def switch() -> Rule:
    """Makes the rule for True or False; 0 and 1 are accepted.

    Returns:
        The rule.
    """
    return Rule(
        "be True or False",
        lambda value: isinstance(value, (bool, np.bool_)) or is_whole(value) and value in (0, 1),
    )


def text() -> Rule:
    """Makes the rule for text that is not empty.

    Returns:
        The rule.
    """
    return Rule("be text", lambda value: isinstance(value, str) and bool(value.strip()))


def several(each: Rule, count: int | None = None, of: str = "numbers above 0") -> Rule:
    """Makes the rule for a list, tuple or one-dimensional array.

    Args:
        each: The rule for its values.
        count: How many there must be; None for one or more.
        of: The values in words.

    Returns:
        The rule.
    """
    words = f"be a list of {count or 'one or more'} {of}"

    def allows(value):
        if not isinstance(value, (list, tuple, np.ndarray)) or np.ndim(value) != 1:
            return False
        return (len(value) == count if count else len(value) > 0) and all(
            each.allows(v) for v in value
        )

    return Rule(words, allows)


def above_zero() -> Rule:
    """Makes the rule for a number above 0.

    Returns:
        The rule.
    """
    return Rule("be a number above 0", lambda value: is_number(value) and value > 0)


def or_else(rule: Rule, *others: object) -> Rule:
    """Extends a rule by constants.

    Args:
        rule: What else is allowed.
        *others: The constants, for instance None or "auto".

    Returns:
        The rule.
    """
    words = rule.says + "".join(f", or {other!r}" for other in others)
    return Rule(
        words,
        lambda value: (
            any(value is other or isinstance(value, str) and value == other for other in others)
            or rule.allows(value)
        ),
    )


def check(name: str, value: object, rule: Rule) -> None:
    """Checks a setting.

    Args:
        name: What the error calls it.
        value: Anything.
        rule: What it must be.

    Raises:
        ValueError: The rule does not allow the value.
    """
    try:
        allowed = rule.allows(value)
    except (TypeError, ValueError):  # lists of lists and the like
        allowed = False
    if not allowed:
        raise ValueError(f"{name} must {rule.says}. Got {shown(value)}.")


def shown(value: object) -> str:
    """Formats a value for an error.

    Args:
        value: Anything.

    Returns:
        Its `repr`, cut to 80 characters.
    """
    words = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    return words if len(words) <= 80 else words[:79] + "…"


def name_meant(name: str, known: Iterable[str], alike: float = ALIKE) -> str | None:
    """Finds the known name that a mistyped one stands for.

    Args:
        name: The mistyped name.
        known: The candidates.
        alike: Least similarity, as `difflib` measures it, 0 to 1.

    Returns:
        The most similar name, or None.
    """
    return next(iter(difflib.get_close_matches(name, list(known), 1, alike)), None)


def mistyped(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Finds names that look like known ones but are none.

    A known name with a suffix, such as LEARNING_RATE_HEADS or IMAGE_SIZE2, is not a mistake.

    Args:
        names: Names to look at.
        known: Names that are right.

    Returns:
        The name that was meant, for each mistyped one.
    """
    known = set(known)
    found = {}
    for name in names:
        own = any(name.startswith(k) and re.match(r"_|\d", name[len(k) :]) for k in known)
        meant = None if name in known or own else name_meant(name, known)
        if meant:
            found[name] = meant
    return found


def check_loss_weights(weights: object, known: Iterable[str]) -> None:
    """Checks the setting LOSS_WEIGHTS.

    Args:
        weights: Should be a dict of names and numbers of at least 0.
        known: Names of the losses that the library computes; other names are allowed, since heads
            bring losses of their own.

    Raises:
        ValueError: It is not such a dict, or a name looks mistyped.
    """
    if not isinstance(weights, Mapping):
        raise ValueError(f"LOSS_WEIGHTS must be a dict of names and numbers. Got {shown(weights)}.")
    known = tuple(known)
    for name, weight in weights.items():
        check(f"LOSS_WEIGHTS[{name!r}]", weight, number())
        meant = None if name in known else loss_meant(str(name), known)
        if meant:
            raise ValueError(f"LOSS_WEIGHTS has {name!r}. Did you mean {meant!r}?")


def loss_meant(name: str, known: Iterable[str]) -> str | None:
    """Finds the loss that a mistyped or shortened name stands for.

    Args:
        name: For instance "mask_loss".
        known: Names of losses.

    Returns:
        For instance "mrcnn_mask_loss"; None if nothing fits.
    """
    known = list(known)
    whole_word = [
        k
        for k in known
        if k.endswith("_" + name) or k == name + "_loss" or k.endswith(f"_{name}_loss")
    ]
    return whole_word[0] if len(whole_word) == 1 else name_meant(name, known, 0.85)
