"""A search space: which settings are searched, among which values, under which condition.

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
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.cli.parser import did_you_mean
from mrcnn.json_files import read_object

Value = str | int | float | bool
Values = dict[str, Value]

FILES = (".json", ".yaml", ".yml")
KINDS = ("float", "int", "log", "logint")
FORM = (
    "A parameter is NAME=a,b,c or NAME=KIND:LOW:HIGH, where KIND is float, int, log or logint, for "
    "instance lr=log:1e-5:1e-2. It may end with a condition: "
    '"weight_decay=log:1e-5:1e-2 if optimizer=adamw".'
)
_KEYS = ("type", "values", "low", "high", "step", "points", "if")
# A grid of more trainings than this is a mistake.
_MOST_POINTS = 10_000


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A setting that is searched.

    Attributes:
        name: As the user wrote it.
        choices: The values; empty for a range.
        low: Least value of a range.
        high: Largest value of a range.
        step: Distance of the values of a range; None for any.
        points: How many values of a logarithmic range a grid has; None if it is not given.
        is_whole: Whether a range has whole numbers only.
        is_log: Whether the logarithm is uniform.
        condition: Values of other parameters with which this one is searched.
    """

    name: str
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    points: int | None = None
    is_whole: bool = False
    is_log: bool = False
    condition: Mapping[str, tuple[Value, ...]] = dataclasses.field(default_factory=dict)

    def applies(self, values: Mapping[str, Value]) -> bool:
        """Returns whether the parameter is searched together with these values.

        Args:
            values: Of the parameters that its condition names, as far as they are searched.

        Returns:
            True without a condition.
        """
        return all(values.get(name) in allowed for name, allowed in self.condition.items())

    def contains(self, value: Any) -> bool:
        """Returns whether a value is in the space.

        Args:
            value: Any.

        Returns:
            True for a choice, and for a number of the range and its steps.
        """
        if self.choices:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not self.low <= value <= self.high or self.is_whole and value != int(value):
            return False
        if self.step is None:
            return True
        steps = (value - self.low) / self.step
        return abs(steps - round(steps)) < 1e-9

    def grid(self) -> list[Value]:
        """Lists the values of a grid.

        Returns:
            The choices, or the steps or points of a range.

        Raises:
            ValueError: A range has neither steps nor points.
        """
        if self.choices:
            return list(self.choices)
        if self.is_log and self.points:
            ratio = self.high / self.low
            shares = [i / (self.points - 1) for i in range(self.points)]
            between = [self.low * ratio**share for share in shares[1:-1]]
            if self.is_whole:
                values = [self.low, *map(round, between), self.high]
            else:
                values = [self.low, *(float(f"{value:.6g}") for value in between), self.high]
            return list(dict.fromkeys(values))
        if self.step:
            count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
            values = [self.low + i * self.step for i in range(count)]
            if self.is_whole:
                return [round(value) for value in values]
            return [float(f"{value:.12g}") for value in values]
        raise ValueError(
            f"--sampler grid needs separate values of {self.name}: list them, as "
            f"{self.name}=a,b,c, or add a number: {self.text()}:"
            f"{'5 for five points' if self.is_log else 'STEP'}."
        )

    def text(self) -> str:
        """Writes the parameter without its name and its condition.

        Returns:
            As it is written on the command line.
        """
        if self.choices:
            return ",".join(str(choice) for choice in self.choices)
        kind = ("logint" if self.is_whole else "log") if self.is_log else "float"
        kind = "int" if self.is_whole and not self.is_log else kind
        last = self.points if self.is_log else self.step
        numbers = [f"{number:g}" for number in (self.low, self.high, last) if number is not None]
        return ":".join([kind, *numbers])

    def condition_text(self) -> str:
        """Writes the condition.

        Returns:
            "optimizer=sgd,adam and …"; empty without a condition.
        """
        parts = []
        for name, allowed in self.condition.items():
            parts.append(f"{name}={','.join(str(value) for value in allowed)}")
        return " and ".join(parts)

    def line(self) -> str:
        """Writes the parameter.

        Returns:
            As it is written on the command line.
        """
        condition = self.condition_text()
        return f"{self.name}={self.text()}{f' if {condition}' if condition else ''}"


@dataclasses.dataclass(frozen=True)
class Space:
    """Parameters, each behind those that its condition names.

    Attributes:
        parameters: In this order.
    """

    parameters: tuple[Parameter, ...]

    @property
    def names(self) -> list[str]:
        """Names of the parameters."""
        return [parameter.name for parameter in self.parameters]

    def lines(self) -> list[str]:
        """Writes the space.

        Returns:
            A line for each parameter, as on the command line.
        """
        return [parameter.line() for parameter in self.parameters]

    def grid(self) -> list[Values]:
        """Lists all combinations of values.

        Returns:
            The values of each training. What a condition leaves out has no key, so there are no
            two equal ones.

        Raises:
            ValueError: A range has neither steps nor points, or there are too many combinations.
        """
        points = list(itertools.islice(_combinations(self.parameters, {}), _MOST_POINTS + 1))
        if len(points) > _MOST_POINTS:
            raise ValueError(
                f"The grid has more than {_MOST_POINTS:,} points. List fewer values, or take "
                "--sampler random."
            )
        return points

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Returns whether values are a point of the space.

        Args:
            values: By the names of parameters.

        Returns:
            True if each parameter that applies has a value among its own, and no other has any.
        """
        wanted = [parameter for parameter in self.parameters if parameter.applies(values)]
        return {parameter.name for parameter in wanted} == set(values) and all(
            parameter.contains(values[parameter.name]) for parameter in wanted
        )


def _combinations(parameters: Sequence[Parameter], before: Values) -> Iterator[Values]:
    if not parameters:
        yield dict(before)
        return
    first, *rest = parameters
    if not first.applies(before):
        yield from _combinations(rest, before)
        return
    for value in first.grid():
        yield from _combinations(rest, {**before, first.name: value})


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
