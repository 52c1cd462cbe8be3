"""JSON files: read as a whole, or refused with the reason."""

import json
from pathlib import Path
from typing import Any

from mrcnn.typing import PathLike


def read_json(path: PathLike, expected: str = "a JSON file") -> Any:
    """Reads a JSON file.

    Args:
        path: The file, UTF-8 with or without a byte order mark.
        expected: The kind of file it should be, for the error.

    Returns:
        The parsed content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read: cut off, nested too deeply, or in another encoding.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Expected {expected}.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:  # not a ValueError
        reason = "lists or objects are nested too deeply"
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is no UTF-8"
    except json.JSONDecodeError as error:
        reason = f"{error.msg}, line {error.lineno}, column {error.colno}"
    except ValueError:  # the only other case: Python parses no integer of more than 4300 digits
        reason = "a number has thousands of digits"
    raise ValueError(f"{path.name} cannot be read as JSON: {reason}. Expected {expected}.")
