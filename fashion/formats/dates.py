"""Dates as people, cameras and folders write them, and the periods that they fall into.

A date may be known to a day, a week, a month, a quarter or a year. Inside, a date is text, as ISO
8601 writes it: "2024-05-17", "2024-W20", "2024-05", "2024-Q2" or "2024".
"""

import datetime
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

PERIODS = ("week", "month", "quarter", "year")
# Which periods a date of each precision falls into. A week may lie in two months.
_SERVES = {
    "day": PERIODS,
    "week": ("week",),
    "month": ("month", "quarter", "year"),
    "quarter": ("quarter", "year"),
    "year": ("year",),
}
_FIRST_YEAR, _LAST_YEAR = 1900, 2100  # others are typing errors
_MONTHS = "january february march april may june july august september october november december"
_MONTH_OF = {name[:3]: number for number, name in enumerate(_MONTHS.split(), 1)}
_MONTH_OF_NAME = _MONTH_OF | {name: number for number, name in enumerate(_MONTHS.split(), 1)}

# A time of day after a date is read over: "T10:20:30.5+02:00", " 10:20", "_101500".
_TIME = (
    r"(?:[T _,]+\d{1,2}:?\d{2}(?::?\d{2}(?:[.,]\d+)?)?(?: ?[AP]M)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?"
)
_MONTH_NAME = r"(?P<name>[A-Za-z]{3,9})\.?"
_FORMATS = [
    r"(?P<y>\d{4})(?P<sep>[-/.:_ ])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})" + _TIME,
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})" + _TIME,
    r"(?P<y>\d{4})[-_ ]?[Qq](?P<q>[1-4])",
    r"(?P<y>\d{4})[-_ ]?[Ww](?P<w>\d{1,2})",
    r"(?P<y>\d{4})[-/._ ](?P<m>\d{1,2})",
    r"(?P<y>\d{4})",
    r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})" + _TIME,  # dots: the day comes first
    rf"(?P<d>\d{{1,2}})\.?[- ]{_MONTH_NAME}[- ,]+(?P<y>\d{{4}})" + _TIME,
    rf"{_MONTH_NAME} (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}})" + _TIME,
    rf"{_MONTH_NAME}[- ,]+(?P<y>\d{{4}})",
]
_PATTERNS = [re.compile(text, re.IGNORECASE) for text in _FORMATS]
_SLASHES = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})" + _TIME, re.IGNORECASE)
_EXAMPLES = "2024-05-17, 2024-05-17 10:20, 2024:05:17 10:20:30, 17.05.2024, 17 May 2024, 2024-05"
# In a folder's name other words may stand around the date.
_IN_NAME = [
    re.compile(rf"(?<!\d){text}(?!\d)")
    for text in (
        r"(?P<y>(?:19|20)\d\d)(?P<sep>[-._ ]?)(?P<m>0[1-9]|1[0-2])(?P=sep)(?P<d>[0-3]\d)",
        r"(?P<y>(?:19|20)\d\d)[-._ ]?[Qq](?P<q>[1-4])",
        r"(?P<y>(?:19|20)\d\d)[-._ ]?[Ww](?P<w>[0-5]\d)",
        r"(?P<y>(?:19|20)\d\d)[-._ ]?(?P<m>0[1-9]|1[0-2])",
        r"(?P<y>(?:19|20)\d\d)",
    )
]
_NUMBER_FIRST = re.compile(r"(\d{1,2})(?!\d)")


def parse_date(text: str, day_first: bool | None = None) -> str:
    """Reads one date.

    Args:
        text: A date, with or without a time of day.
        day_first: Whether 05/04/2024 is 5 April; None refuses what may be read in two ways.

    Returns:
        The date as ISO text, as precise as it was.

    Raises:
        ValueError: It is not a date. The message says what was expected.
    """
    text = text.strip()
    found = _SLASHES.fullmatch(text)
    if found:
        first, second, year = map(int, found.groups()[:3])
        if day_first is None and first != second and max(first, second) <= 12:
            raise ValueError(
                f"{text!r} may be {first}/{second} or {second}/{first}. Write {year}-MM-DD."
            )
        if second > 12 or day_first is False:
            first, second = second, first
        return _iso(text, {"y": year, "m": second, "d": first})
    for pattern in _PATTERNS:
        found = pattern.fullmatch(text)
        if found:
            return _iso(text, found.groupdict())
    raise ValueError(f"{text[:40]!r} is not a date. Expected one such as {_EXAMPLES}.")


def day_comes_first(texts: Iterable[str]) -> bool | None:
    """Tells from the dates of one file which number of 17/05/2024 is the day.

    Args:
        texts: Dates of any format.

    Returns:
        True or False if a date decides it; None if none does.

    Raises:
        ValueError: One date says so, another says otherwise.
    """
    first, second = None, None
    for text in texts:
        found = _SLASHES.fullmatch(text.strip())
        if found and int(found[1]) > 12:
            first = first or text.strip()
        if found and int(found[2]) > 12:
            second = second or text.strip()
    if first and second:
        raise ValueError(
            f"In {first!r} the day comes first, in {second!r} the month. Write all dates in one "
            "way, best as 2024-05-17."
        )
    return True if first else False if second else None


def date_of_folder(path: str) -> str | None:
    """Finds a date in the names of the folders that an image lies in.

    "2024-05-17 street", "20240517", "2024/05/17", "2024/05 May", "2024-Q2", "2024-W20" and "2024"
    are understood.

    Args:
        path: The image; its own name is not looked at.

    Returns:
        The most precise date as ISO text, of the innermost folder among equals; None without one.
    """
    folders = PurePath(path.replace("\\", "/")).parts[:-1]
    found: list[str] = []
    for place, name in enumerate(folders):
        for pattern in _IN_NAME:
            match = pattern.search(name)
            if match:
                try:
                    date = _iso(name, match.groupdict())
                except ValueError:
                    continue
                if int(date[:4]) > datetime.date.today().year + 1:  # "2048px" is a size
                    continue
                found.append(_with_inner_folders(date, folders[place + 1 :]))
                break
    # ISO texts grow with their precision, but for weeks, which are as long as days less two.
    return max(reversed(found), key=len, default=None)


def _with_inner_folders(date: str, inner: Sequence[str]) -> str:
    """2024 with the folders 05 and 17 in it, or "05 May", is 2024-05-17, or 2024-05."""
    for name in inner[: 2 if len(date) == 4 else 1 if len(date) == 7 and date[5].isdigit() else 0]:
        number = _NUMBER_FIRST.match(name)
        month = _MONTH_OF_NAME.get(name.strip().lower()) if len(date) == 4 else None
        part = month or (int(number[1]) if number else 0)
        try:
            date = parse_date(f"{date}-{part:02d}")
        except ValueError:
            break
    return date


def _iso(text: str, parts: dict) -> str:
    """The parts of a date as ISO text."""
    year = int(parts["y"])
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise ValueError(
            f"{text[:40]!r} is not a date: the year {year} is not in {_FIRST_YEAR} to {_LAST_YEAR}."
        )
    if parts.get("q"):
        return f"{year}-Q{parts['q']}"
    try:
        if parts.get("w"):
            datetime.date.fromisocalendar(year, int(parts["w"]), 1)
            return f"{year}-W{int(parts['w']):02d}"
        month = parts.get("m")
        if parts.get("name"):
            month = _MONTH_OF_NAME.get(parts["name"].lower(), _MONTH_OF.get(parts["name"].lower()))
            if month is None:
                raise ValueError(f"there is no month {parts['name']}")
        if month is None:
            return f"{year}"
        day = datetime.date(year, int(month), int(parts.get("d") or 1))
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a date: {error}.") from error
    return day.isoformat() if parts.get("d") else f"{year}-{day.month:02d}"


def precision_of(date: str) -> str:
    """Tells how precise a date is.

    Args:
        date: ISO text of `parse_date`.

    Returns:
        "day", "week", "month", "quarter" or "year".
    """
    if len(date) == 4:
        return "year"
    kinds = {"W": "week", "Q": "quarter"}
    return kinds.get(date[5], "day" if len(date) == 10 else "month")


def place_of(date: str, period: str) -> int | None:
    """Returns the number of the period that a date falls into.

    Args:
        date: ISO text of `parse_date`.
        period: One of PERIODS.

    Returns:
        Periods since the year 0; numbers of neighbors differ by 1. None if the date is not precise
        enough.
    """
    precision = precision_of(date)
    if period not in _SERVES[precision]:
        return None
    year = int(date[:4])
    if period == "year":
        return year
    if period == "week":
        if precision == "week":
            day = datetime.date.fromisocalendar(year, int(date[6:]), 1)
        else:
            day = datetime.date.fromisoformat(date)
        return (day.toordinal() - 1) // 7  # day 1 was a Monday
    if precision == "quarter":
        return 4 * year + int(date[6]) - 1
    month = int(date[5:7]) - 1
    return 12 * year + month if period == "month" else 4 * year + month // 3


def name_of(place: int, period: str) -> str:
    """Writes a period.

    Args:
        place: Number of the period, from `place_of`.
        period: One of PERIODS.

    Returns:
        "2024-W20", "2024-05", "2024-Q2" or "2024".
    """
    if period == "year":
        return f"{place}"
    if period == "month":
        return f"{place // 12}-{place % 12 + 1:02d}"
    if period == "quarter":
        return f"{place // 4}-Q{place % 4 + 1}"
    year, week, _ = datetime.date.fromordinal(7 * place + 1).isocalendar()
    return f"{year}-W{week:02d}"


def season_of(place: int, period: str) -> int:
    """Returns the part of the year, for comparisons of the same month of several years.

    Args:
        place: Number of the period, from `place_of`.
        period: One of PERIODS.

    Returns:
        The month or quarter from 0, the week from 1; 0 for years.
    """
    if period == "week":
        return datetime.date.fromordinal(7 * place + 1).isocalendar().week
    return place % {"month": 12, "quarter": 4, "year": 1}[period]
