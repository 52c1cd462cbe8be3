"""Reads search spaces: parameters as text of the command line, or in a JSON or YAML file.

A parameter is written NAME=VALUES, in which VALUES is one of

    2,4,8                    any of these values
    float:LOW:HIGH[:STEP]    a number between two others
    int:LOW:HIGH[:STEP]      a whole number
    log:LOW:HIGH[:POINTS]    a number whose logarithm is uniform; POINTS of them for a grid
    logint:LOW:HIGH[:POINTS] the same for whole numbers

and may be followed by " if OTHER=VALUE,VALUE and …": it is searched only where the others have one
of these values. A file, JSON or YAML, has a key for each parameter.
"""

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.cli.parser import did_you_mean
from fashion.hyperparameters.space import Parameter, Space, Value
from mrcnn.json_files import read_object

FILES = (".json", ".yaml", ".yml")
KINDS = ("float", "int", "log", "logint")
FORM = (
    "A parameter is NAME=a,b,c or NAME=KIND:LOW:HIGH, where KIND is float, int, log or logint, for "
    "instance lr=log:1e-5:1e-2. It may end with a condition: "
    '"weight_decay=log:1e-5:1e-2 if optimizer=adamw".'
)
_KEYS = ("type", "values", "low", "high", "step", "points", "if")


def read_space(texts: Sequence[str]) -> Space:
    """Reads the values of --space.

    Args:
        texts: Parameters, NAME=VALUES, and files of them.

    Returns:
        The space, in the order of the texts as far as conditions allow.

    Raises:
        ValueError: A text is not a parameter, or two have one name, or conditions depend on each
            other.
        OSError: A file cannot be read.
    """
    parameters = []
    for text in texts:
        if "=" in text:
            parameters.append(_parameter(text))
        elif Path(text).suffix.lower() in FILES:
            parameters += _file(Path(text))
        elif text == "if":
            raise ValueError(
                "--space: put a parameter that has a condition in quotes: "
                '"NAME=VALUES if OTHER=VALUE".'
            )
        else:
            raise ValueError(f"--space cannot read {text}. {FORM}")
    names = [parameter.name for parameter in parameters]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"--space names {twice} twice. Give all of its values together.")
    return Space(tuple(_ordered(parameters)))


def _ordered(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Parameters behind those that their conditions name."""
    by_name = {parameter.name: parameter for parameter in parameters}
    for parameter in parameters:
        for other, allowed in parameter.condition.items():
            if other not in by_name:
                raise ValueError(
                    f"--space: the condition of {parameter.name} names {other}, which is not "
                    f"searched.{did_you_mean(other, by_name)} Search it as well, with "
                    f"{other}=VALUE,VALUE, or leave the condition out: "
                    f"{parameter.name}={parameter.text()}."
                )
            wrong = [value for value in allowed if not by_name[other].contains(value)]
            if wrong:
                raise ValueError(
                    f"--space: the condition of {parameter.name} asks for {other}={wrong[0]}, "
                    f"which is not among its values, {by_name[other].text()}."
                )
    ordered: list[Parameter] = []
    left = list(parameters)
    while left:
        placed = {parameter.name for parameter in ordered}
        ready = [parameter for parameter in left if placed.issuperset(parameter.condition)]
        if not ready:
            names = ", ".join(parameter.name for parameter in left)
            raise ValueError(
                f"--space: the conditions of {names} depend on each other, so that none of them "
                "can be chosen first. Leave one condition out."
            )
        ordered.append(ready[0])
        left.remove(ready[0])
    return ordered


def _parameter(text: str) -> Parameter:
    """A parameter of the command line."""
    spec, _, condition = text.partition(" if ")
    name, _, values = (part.strip() for part in spec.partition("="))
    if not name or not values:
        raise ValueError(f"--space cannot read {text}. {FORM}")
    conditions = {}
    for part in re.split(r"\s+and\s+", condition.strip()) if condition.strip() else ():
        other, equals, allowed = (word.strip() for word in part.partition("="))
        if not equals or not other or not allowed:
            raise ValueError(
                f"--space {text}: a condition is OTHER=VALUE,VALUE; join several with and. "
                f"Got {part}."
            )
        conditions[other] = tuple(map(value_of, _split(allowed)))
    return dataclasses.replace(_values(name, values), condition=conditions)


def _values(name: str, text: str) -> Parameter:
    """A parameter without its condition."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in KINDS:
        if colon and re.fullmatch(r"[A-Za-z]+:[-+\d.e:]+", text):
            raise ValueError(
                f"--space {name}: there is no kind {kind}.{did_you_mean(kind, KINDS)} {FORM}"
            )
        return _choice(name, [value_of(part) for part in _split(text)])
    numbers = rest.split(":")
    if len(numbers) not in (2, 3):
        raise ValueError(f"--space {name}={text}: a range is {kind}:LOW:HIGH. {FORM}")
    try:
        low, high, *last = map(float, numbers)
    except ValueError as error:
        raise ValueError(f"--space {name}={text}: LOW and HIGH must be numbers. {FORM}") from error
    return _range(name, kind, low, high, last[0] if last else None)


def _choice(name: str, values: Sequence[Any]) -> Parameter:
    """A parameter with a list of values."""
    if not values:
        raise ValueError(f"--space {name} has no values. {FORM}")
    choices = [_plain(value) for value in values]
    twice = next((value for value in choices if choices.count(value) > 1), None)
    if twice is not None:
        raise ValueError(f"--space {name} has the value {twice} twice.")
    return Parameter(name, choices=tuple(choices))


def _range(name: str, kind: str, low: float, high: float, last: float | None) -> Parameter:
    is_whole, is_log = kind in ("int", "logint"), kind in ("log", "logint")
    where = f"--space {name}"
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{where}: LOW must be less than HIGH. Got {low:g} and {high:g}.")
    if is_log and low <= 0:
        raise ValueError(f"{where}: LOW of {kind} must be above 0. Got {low:g}.")
    if is_whole and (low != int(low) or high != int(high)):
        raise ValueError(f"{where}: {kind} needs whole numbers. Got {low:g} and {high:g}.")
    if is_whole:
        low, high = int(low), int(high)
    if is_log:
        if last is not None and (last != int(last) or last < 2):
            raise ValueError(f"{where}: POINTS must be a whole number from 2 on. Got {last:g}.")
        points = None if last is None else int(last)
        return Parameter(name, low=low, high=high, points=points, is_whole=is_whole, is_log=is_log)
    step = last or (1 if is_whole else None)
    if last is not None and (last <= 0 or is_whole and last != int(last)):
        raise ValueError(f"{where}: STEP must be a number above 0, whole with int. Got {last:g}.")
    return Parameter(
        name, low=low, high=high, step=int(step) if is_whole and step else step, is_whole=is_whole
    )


def _file(path: Path) -> list[Parameter]:
    """The parameters of a file."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}, which --space names.")
    try:
        return [_entry(str(name), value) for name, value in read_object(path).items()]
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: {str(error).removeprefix('--space').lstrip(' :')}") from error


def _entry(name: str, value: Any) -> Parameter:
    """A parameter of a file: text as on the command line, a list of values, or an object."""
    if isinstance(value, str):
        return _parameter(f"{name}={value}")
    if isinstance(value, list):
        return _choice(name, value)
    if not isinstance(value, dict):
        raise ValueError(f"--space {name} must be text, a list or an object. Got {value!r}.")
    for key in value:
        if key not in _KEYS:
            raise ValueError(
                f"--space {name} has the key {key}; expected {', '.join(_KEYS)}."
                f"{did_you_mean(str(key), _KEYS)}"
            )
    if "values" in value:
        if not isinstance(value["values"], list):
            raise ValueError(f"--space {name}: values must be a list. Got {value['values']!r}.")
        parameter = _choice(name, value["values"])
    else:
        parameter = _range_of(name, value)
    return dataclasses.replace(parameter, condition=_condition_of(name, value.get("if") or {}))


def _range_of(name: str, value: Mapping[str, Any]) -> Parameter:
    kind = value.get("type")
    if kind not in KINDS:
        raise ValueError(
            f"--space {name}: type must be one of {', '.join(KINDS)}, or give values as a list. "
            f"Got {kind!r}."
        )
    last = value.get("points" if kind in ("log", "logint") else "step")
    numbers = [value.get("low"), value.get("high"), last]
    try:  # YAML reads 1e-5, without a point, as text
        low, high = float(numbers[0]), float(numbers[1])  # type: ignore[arg-type]
        return _range(name, kind, low, high, None if last is None else float(last))
    except TypeError as error:
        raise ValueError(f"--space {name}: low and high must be numbers.") from error


def _condition_of(name: str, value: Any) -> dict[str, tuple[Value, ...]]:
    if not isinstance(value, dict):
        raise ValueError(
            f"--space {name}: if must be an object, such as {{optimizer: adamw}}. Got {value!r}."
        )
    condition = {}
    for other, allowed in value.items():
        listed = allowed if isinstance(allowed, list) else [allowed]
        condition[str(other)] = tuple(map(_plain, listed))
    return condition


def _plain(value: Any) -> Value:
    """A value of a file as the command line has it: true, null and lists are text."""
    if isinstance(value, str):
        return value_of(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return json.dumps(value)
    return value


def value_of(text: str) -> Value:
    """Reads a value.

    Args:
        text: As it was typed.

    Returns:
        A number where the text is one; otherwise the text.
    """
    text = text.strip()
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return text


def _split(text: str) -> list[str]:
    """Splits at commas that are in no brackets and no quotes."""
    parts, depth, quoted = [""], 0, False
    for letter in text:
        quoted ^= letter == '"'
        if not quoted:
            depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
