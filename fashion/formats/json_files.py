"""JSON files: read whole, or refused with the reason."""

import json
from pathlib import Path


def read_json(path, expected="a JSON file"):
    """The content of a JSON file.

    Args:
        path: Of the file.
        expected: What kind of file it should be, for the error.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read: cut off, nested too deeply, or in another encoding.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Expected {expected}.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:  # which is no ValueError
        reason = "lists or objects are nested too deeply"
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is no UTF-8"
    except json.JSONDecodeError as error:
        reason = f"{error.msg}, line {error.lineno}, column {error.colno}"
    except ValueError:  # the only other one: Python reads no whole number of more than 4300 digits
        reason = "a number has thousands of digits"
    raise ValueError(f"{path.name} cannot be read as JSON: {reason}. Expected {expected}.")
