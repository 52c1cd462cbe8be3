"""Files of thresholds: JSON, checked when read."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion.evaluation.thresholds.table import NEVER, CategoryThresholds, Thresholds
from mrcnn.data.record_checks import as_id, preview
from mrcnn.files import write_text
from mrcnn.json_files import read_json
from mrcnn.typing import PathLike

_KINDS = ("score", "mask", "attribute")


def read_thresholds(path: PathLike) -> Thresholds:
    """Reads a file of thresholds.

    Args:
        path: JSON file.

    Returns:
        The table.

    Raises:
        ValueError: If the file is not a table of thresholds.
        OSError: If it cannot be read.
    """
    path = Path(path)
    try:
        return parse_thresholds(read_json(path, "a file of thresholds"))
    except ValueError as error:
        raise ValueError(
            f"{path} holds no thresholds: {error} `fashion evaluate --tune` writes such a file."
        ) from error


def read_tuning(path: PathLike) -> dict[str, Any]:
    """Reads how the thresholds of a file were found.

    Args:
        path: JSON file.

    Returns:
        "tuning" of the file; empty where it has none.
    """
    tuning = read_json(Path(path), "a file of thresholds").get("tuning")
    return tuning if isinstance(tuning, dict) else {}


def write_thresholds(path: PathLike, thresholds: Thresholds, **about: Any) -> None:
    """Writes a file of thresholds.

    Args:
        path: JSON file.
        thresholds: The table.
        **about: Further keys, for people; `read_thresholds` ignores them.
    """
    write_text(path, json.dumps(thresholds_to_dict(thresholds) | about, indent=1) + "\n")


def thresholds_to_dict(thresholds: Thresholds) -> dict[str, Any]:
    """Turns a table into a dict that JSON can hold.

    Args:
        thresholds: The table.

    Returns:
        The content of the file.
    """
    fields = dataclasses.fields(thresholds)
    content = {field.name: getattr(thresholds, field.name) for field in fields}
    names = sorted(thresholds.attribute_names.items())
    content["attribute_names"] = {str(i): name for i, name in names}
    content["categories"] = {}
    for category_id, row in sorted(thresholds.categories.items()):
        own = {key: v for key, v in dataclasses.asdict(row).items() if v not in (None, {})}
        content["categories"][str(category_id)] = own
    return content


def parse_thresholds(content: Any) -> Thresholds:
    """Reads the content of a file; the inverse of `thresholds_to_dict`.

    Args:
        content: From JSON. Unknown keys are ignored.

    Returns:
        The table.

    Raises:
        ValueError: If it is not a table of thresholds.
    """
    if not isinstance(content, dict) or not all(kind in content for kind in _KINDS):
        raise ValueError(
            'Expected an object with "score", "mask", "attribute" and, by their ids, "categories".'
        )
    for key in ("categories", "supercategories", "attribute_names"):
        if not isinstance(content.get(key, {}), dict):
            raise ValueError(f'"{key}" must be an object. Got {preview(content[key])}.')
    categories = {}
    for category_id, row in content.get("categories", {}).items():
        categories[_id(category_id, "category")] = _category(category_id, row)
    supercategories = {}
    for name, threshold in content.get("supercategories", {}).items():
        supercategories[name] = _threshold(threshold, f"super-category {name}")
    names = {}
    for attribute_id, name in content.get("attribute_names", {}).items():
        names[_id(attribute_id, "attribute")] = _text(name, f"the name of attribute {attribute_id}")
    limit = content.get("detections_per_photo")
    # `type`, because True is an int for isinstance.
    if limit is not None and (type(limit) is not int or limit < 1):
        raise ValueError(
            "detections_per_photo is a whole number from 1, or null for no limit. Got "
            f"{preview(limit)}."
        )
    return Thresholds(
        **{kind: _threshold(content[kind], kind) for kind in _KINDS},
        detections_per_photo=limit,
        supercategories=supercategories,
        categories=categories,
        attribute_names=names,
    )


def _category(category_id: str, row: Any) -> CategoryThresholds:
    where = f"category {str(category_id)[:20]}"
    known = [field.name for field in dataclasses.fields(CategoryThresholds)]
    if not isinstance(row, dict) or not row.keys() <= set(known):
        raise ValueError(
            f"A category may have {', '.join(known)}, and nothing else. Got {preview(row)} for "
            f"{where}."
        )
    on = row.get("on", True)
    if not isinstance(on, bool):
        raise ValueError(f"on must be true or false. Got {preview(on)} for {where}.")
    name = _text(row.get("name", ""), f"the name of {where}")
    own: dict[str, Any] = {}
    for kind in _KINDS:
        if row.get(kind) is not None:
            own[kind] = _threshold(row[kind], f"{kind} of {where}")
    own["attributes"] = _attributes(row.get("attributes", {}), where)
    return CategoryThresholds(name, on, **own)


def _attributes(rows: Any, where: str) -> dict[int, float]:
    if not isinstance(rows, Mapping):
        raise ValueError(f"the attributes of {where} must be an object. Got {preview(rows)}.")
    thresholds = {}
    for attribute_id, threshold in rows.items():
        what = f"attribute {str(attribute_id)[:20]} of {where}"
        thresholds[_id(attribute_id, "attribute")] = _threshold(threshold, what)
    return thresholds


def _id(text: str, kind: str) -> int:
    number = as_id(text)
    if number is None:
        raise ValueError(f"there is no {kind} {preview(text, 20)}: its id is a whole number.")
    return number


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text. Got {preview(value)}.")
    return value


def _threshold(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= NEVER:
        raise ValueError(f"{what} must be a threshold from 0 to {NEVER}. Got {preview(value)}.")
    return float(value)
