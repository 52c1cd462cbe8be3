"""Reading JSON files that others wrote or changed: read whole, or refused with the reason."""

import json
from pathlib import Path
from typing import Any

from mrcnn.typing import PathLike

# int() refuses 4301 digits, and no double is as large as 10 ** 309.
_MOST_DIGITS = 400


def read_json(path: PathLike, expected: str = "a JSON file") -> Any:
    """Reads a JSON file.

    Args:
        path: The file, UTF-8 with or without a byte order mark.
        expected: The kind of file it should be, for the error.

    Returns:
        The parsed content.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read: cut off, nested too deeply, or in another encoding.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Expected {expected}.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:  # not a ValueError
        reason = "lists or objects are nested too deeply"
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8"
    except json.JSONDecodeError as error:
        reason = f"{error.msg}, line {error.lineno}, column {error.colno}"
    except ValueError:  # the only other case: Python parses no integer of more than 4300 digits
        reason = "a number has thousands of digits"
    raise ValueError(f"{path.name} cannot be read as JSON: {reason}. Expected {expected}.")


def read_json_object(path: PathLike) -> dict[str, Any]:
    """Reads a file that holds one JSON object and that a person may have edited.

    Stricter than `read_json`: a key that occurs twice is an edit gone wrong.

    Args:
        path: The file, UTF-8 with or without a byte order mark.

    Returns:
        The object.

    Raises:
        ValueError: It holds something else. The message names the file, and the line if possible.
        OSError: It cannot be opened.
    """
    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder; expected a JSON file.")
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        if not text.strip():
            raise ValueError(f"{path} is empty; expected a JSON object.")
        content = json.loads(
            text,
            object_pairs_hook=_object_of_unique_keys,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text: byte {error.start} is wrong. Save it as UTF-8."
        ) from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is not JSON: it cannot be read from line {error.lineno}, column {error.colno} "
            "on. Correct it there, or restore the file."
        ) from error
    except _Unreadable as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error
    except RecursionError as error:
        raise ValueError(
            f"{path} cannot be read: its lists or objects are nested too deeply."
        ) from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} must hold a JSON object, {{…}}. It holds {json.dumps(content)[:60]}."
        )
    return content


def read_object(path: PathLike) -> dict[str, Any]:
    """Reads an object from JSON, or from YAML where the name of the file says so.

    Args:
        path: A .json, .yaml or .yml file.

    Returns:
        The object.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, or holds something else.
    """
    path = Path(path)
    if path.suffix.lower() not in (".yaml", ".yml"):
        return read_json_object(path)
    import yaml  # not at the top: only YAML files need it

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold names with values. Got {str(found)[:60]}.")
    return found


class _Unreadable(ValueError):
    """The defect of a JSON text, without the name of the file."""


def _object_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Unreadable(f"the key {json.dumps(key)[:60]} occurs twice in one object")
        found[key] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise _Unreadable(f"a number has {len(digits):,} digits: {digits[:12]}…")
    return int(digits)
