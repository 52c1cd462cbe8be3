"""Checks of single settings: the type of a value, its range, and what a mistyped name meant."""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

# Two names that are this much alike are one, mistyped: IMAGE_MAXDIM and IMAGE_MAX_DIM are at 0.96.
ALIKE = 0.88


@dataclass(frozen=True)
class Rule:
    """What a setting must be: `says` in words, `allows` as a function of the value."""

    says: str
    allows: Callable[[object], bool]


def is_number(value: object) -> bool:
    """Whether a value is one finite number, True and False not among them."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        return False
    return math.isfinite(value)


def is_whole(value: object) -> bool:
    """Whether a value is a whole number; 2.0 is one."""
    return is_number(value) and value == int(value)


def whole(least: int = 1) -> Rule:
    """A whole number of at least `least`."""
    return Rule(
        f"be a whole number, at least {least}", lambda value: is_whole(value) and value >= least
    )


def number(least: float = 0, most: float = math.inf) -> Rule:
    """A number from `least` to `most`."""
    words = (
        f"be a number from {least:g} to {most:g}"
        if most < math.inf
        else f"be a number, at least {least:g}"
    )
    return Rule(words, lambda value: is_number(value) and least <= value <= most)


def fraction() -> Rule:
    """A number from 0 to 1."""
    return Rule("be a fraction and lie in 0..1", lambda value: is_number(value) and 0 <= value <= 1)


def switch() -> Rule:
    """True or False; 0 and 1 count as these."""
    return Rule(
        "be True or False",
        lambda value: isinstance(value, (bool, np.bool_)) or is_whole(value) and value in (0, 1),
    )


def text() -> Rule:
    """Text that is not empty."""
    return Rule("be text", lambda value: isinstance(value, str) and bool(value.strip()))


def several(each: Rule, count: int | None = None, of: str = "numbers above 0") -> Rule:
    """A list, tuple or array of values that `each` allows: `count` of them, or one at least."""
    words = f"be a list of {count or 'one or more'} {of}"

    def allows(value):
        if not isinstance(value, (list, tuple, np.ndarray)) or np.ndim(value) != 1:
            return False
        return (len(value) == count if count else len(value) > 0) and all(
            each.allows(v) for v in value
        )

    return Rule(words, allows)


def above_zero() -> Rule:
    """A number above 0."""
    return Rule("be a number above 0", lambda value: is_number(value) and value > 0)


def or_else(rule: Rule, *others: object) -> Rule:
    """What `rule` allows, or one of the constants `others`, None for instance."""
    words = rule.says + "".join(f", or {other!r}" for other in others)
    return Rule(
        words,
        lambda value: (
            any(value is other or isinstance(value, str) and value == other for other in others)
            or rule.allows(value)
        ),
    )


def check(name: str, value: object, rule: Rule) -> None:
    """Raises ValueError, naming setting, value and what was expected, unless `rule` allows it."""
    try:
        allowed = rule.allows(value)
    except (TypeError, ValueError):  # lists of lists and the like
        allowed = False
    if not allowed:
        raise ValueError(f"{name} must {rule.says}. Got {shown(value)}.")


def shown(value: object) -> str:
    """A value as an error shows it, cut to a line."""
    words = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    return words if len(words) <= 80 else words[:79] + "…"


def name_meant(name: str, known: Iterable[str], alike: float = ALIKE) -> str | None:
    """The known name that a mistyped one stands for, or None."""
    return next(iter(difflib.get_close_matches(name, list(known), 1, alike)), None)


def mistyped(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Names that are not known and look like a known one: {name: the one that was meant}.

    LEARNING_RATE_HEADS and IMAGE_SIZE2 are names of their own.
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
    """Raises ValueError unless `weights` is {name: number of at least 0}, no name mistyped."""
    if not isinstance(weights, Mapping):
        raise ValueError(f"LOSS_WEIGHTS must be a dict of names and numbers. Got {shown(weights)}.")
    known = tuple(known)
    for name, weight in weights.items():
        check(f"LOSS_WEIGHTS[{name!r}]", weight, number())
        meant = None if name in known else loss_meant(str(name), known)
        if meant:
            raise ValueError(f"LOSS_WEIGHTS has {name!r}. Did you mean {meant!r}?")


def loss_meant(name: str, known: Iterable[str]) -> str | None:
    """The loss that a mistyped or shortened name such as mask_loss stands for, or None."""
    known = list(known)
    whole_word = [
        k
        for k in known
        if k.endswith("_" + name) or k == name + "_loss" or k.endswith(f"_{name}_loss")
    ]
    return whole_word[0] if len(whole_word) == 1 else name_meant(name, known, 0.85)
