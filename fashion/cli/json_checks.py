"""Checks of values in JSON files: functions `(value, place)` that raise ValueError.

`place` is where the value stands, for instance "config.STAGES[0].epochs".
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from mrcnn.data.record_checks import preview
from mrcnn.setting_checks import is_number

Check = Callable[[Any, str], None]

MANY = 10**9  # more than any sensible count of pixels, channels, epochs or batches
_REQUIRED = object()


def member(
    values: Mapping[str, Any], key: str, check: Check, where: str = "", missing: Any = _REQUIRED
) -> Any:
    """Looks up a key and checks its value.

    Args:
        values: A JSON object.
        key: Key to look up.
        check: Check of its value.
        where: Place of the object.
        missing: Result where there is no such key. Without it the key is required.

    Returns:
        The value.

    Raises:
        ValueError: The key is missing, or its value cannot be right.
    """
    place = f"{where}.{key}" if where else key
    if key not in values:
        if missing is _REQUIRED:
            raise ValueError(f"{place} is missing; expected {_expected(check, place)}.")
        return missing
    check(values[key], place)
    return values[key]


def _expected(check: Check, place: str) -> str:
    """What a check asks for, from its message about a value that nothing allows."""
    try:
        check(_REQUIRED, place)
    except ValueError as error:
        return str(error).rpartition("; expected ")[2].rstrip(".")
    return "another value"


def wrong(place: str, value: Any, expected: str) -> ValueError:
    """Makes the error of a value that cannot be right.

    Args:
        place: Where the value stands.
        value: The value.
        expected: What was expected.

    Returns:
        The error, to be raised.
    """
    return ValueError(f"{place} is {preview(value)}; expected {expected}.")


def whole(least: int, most: int = MANY) -> Check:
    """Checks for a whole number.

    Args:
        least: Least value.
        most: Largest value.

    Returns:
        The check.
    """

    def check(value, place):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise wrong(place, value, f"a whole number from {least:,} to {most:,}")

    return check


def number(least: float) -> Check:
    """Checks for a finite number.

    Args:
        least: Least value; `-MANY` for any.

    Returns:
        The check.
    """

    def check(value, place):
        # NaN and infinity are not JSON, but Python reads them.
        if not is_number(value) or not least <= value <= MANY:
            expected = "a number" if least == -MANY else f"a number from {least:g} on"
            raise wrong(place, value, expected)

    return check


def positive(value: Any, place: str) -> None:
    """Checks for a number above 0.

    Args:
        value: The value.
        place: Where it stands.

    Raises:
        ValueError: It is something else.
    """
    if not is_number(value) or not 0 < value <= MANY:
        raise wrong(place, value, "a number above 0")


def fraction(value: Any, place: str) -> None:
    """Checks for a number between 0 and 1, both excluded.

    Args:
        value: The value.
        place: Where it stands.

    Raises:
        ValueError: It is something else.
    """
    if not is_number(value) or not 0 < value < 1:
        raise wrong(place, value, "a number above 0 and below 1")


def boolean(value: Any, place: str) -> None:
    """Checks for true or false; 0 and 1 count, since --set takes them.

    Args:
        value: The value.
        place: Where it stands.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, int) or value not in (0, 1):
        raise wrong(place, value, "true or false")


def text(expected: str) -> Check:
    """Checks for text that can be written to a file.

    Args:
        expected: What the text is, for the error message.

    Returns:
        The check.
    """

    def check(value, place):
        if not isinstance(value, str) or "\0" in value or not _is_utf8(value):
            raise wrong(place, value, expected)

    return check


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half a character, which JSON can write as \ud800
        return False
    return True


def pattern(value: Any, place: str) -> None:
    """Checks for a regular expression.

    Args:
        value: The value.
        place: Where it stands.

    Raises:
        ValueError: It is something else.
    """
    expected = "a regular expression that matches names of layers"
    text(expected)(value, place)
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError):
        raise wrong(place, value, expected) from None


def one_of(choices: Collection[str]) -> Check:
    """Checks for one of some texts.

    Args:
        choices: Allowed values.

    Returns:
        The check.
    """

    def check(value, place):
        if not isinstance(value, str) or value not in choices:
            raise wrong(place, value, f"one of {', '.join(sorted(choices))}")

    return check


def either(other: Any, check: Check) -> Check:
    """Allows one more value.

    Args:
        other: The value; None for null.
        check: Check of all other values.

    Returns:
        The check.
    """

    def checked(value, place):
        if value is not other and value != other:
            try:
                check(value, place)
            except ValueError as error:
                also = "null" if other is None else repr(other)
                raise ValueError(f"{str(error).removesuffix('.')}, or {also}.") from None

    return checked


def json_object(value: Any, place: str) -> None:
    """Checks for a JSON object.

    Args:
        value: The value.
        place: Where it stands.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, dict):
        raise wrong(place, value, "an object, {…}")


def list_of(
    check: Check, length: int | None, least: int = 1, or_length: int | None = None
) -> Check:
    """Checks for a list.

    Args:
        check: Check of each entry.
        length: Number of entries; None for any from `least` on.
        least: Least number of entries.
        or_length: Another allowed number of entries.

    Returns:
        The check.
    """

    def checked(value, place):
        allowed = isinstance(value, list) and (
            len(value) >= least if length is None else len(value) in (length, or_length)
        )
        if not allowed:
            also = f" or {or_length}" if or_length else ""
            expected = "a list" if length is None else f"a list of {length}{also} values"
            raise wrong(place, value, expected)
        for i, each in enumerate(value):
            check(each, f"{place}[{i}]")

    return checked


def numbers_by_name(value: Any, place: str) -> None:
    """Checks for a JSON object of numbers from 0 on.

    Args:
        value: The value.
        place: Where it stands.

    Raises:
        ValueError: It is something else.
    """
    json_object(value, place)
    for key, each in value.items():
        number(0)(each, f"{place}.{key}")
