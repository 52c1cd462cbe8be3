"""A search space: which settings are searched, among which values, under which condition."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Value = str | int | float | bool
Values = dict[str, Value]

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
