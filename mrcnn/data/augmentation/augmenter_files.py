"""Augmentations in files: JSON or YAML, never code.

A file is what `albumentations.save` writes, or a list of steps by the names of their classes:

    albumentations:                 imgaug:
    - HorizontalFlip: {p: 0.5}      - Fliplr: 0.5
    - Affine: {rotate: [-8, 8]}     - Sometimes: [0.5, [{Affine: {rotate: [-8, 8]}}]]

The value of a step are its arguments: a mapping of names, a list by position, or a single one. Two
numbers in a list are a range, as both libraries write it in brackets. Lists of steps nest.
"""

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrcnn.data.augmentation.pipeline import Augmenter, augmenter_of
from mrcnn.json_files import read_object
from mrcnn.setting_checks import name_meant, shown
from mrcnn.typing import PathLike

LIBRARIES = ("albumentations", "imgaug")
_FORM = (
    "Expected what albumentations.save wrote, or one key, albumentations or imgaug, with a list of "
    "steps such as {HorizontalFlip: {p: 0.5}}"
)


def read_augmentation(path: PathLike) -> dict[str, Any]:
    """Reads the description of an augmentation, without making it.

    Args:
        path: A .json, .yaml or .yml file.

    Returns:
        For `augmenter_from`; JSON-able.

    Raises:
        ValueError: The file is not JSON or YAML, or describes no augmentation.
        OSError: It cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() not in (".json", ".yaml", ".yml"):
        raise ValueError(
            f"{path}: an augmentation is read from a .json, .yaml or .yml file; code and pickles "
            "are not run. Save the pipeline with albumentations.save, or list its steps."
        )
    found = read_object(path)
    if "transform" not in found and not _library_of(found):
        raise ValueError(f"{path}: {_FORM}. Got {shown(found)}.")
    return found


def augmenter_from(described: Mapping[str, Any]) -> Augmenter:
    """Makes an augmenter.

    Args:
        described: Result of `read_augmentation`.

    Returns:
        Changes images and their masks alike.

    Raises:
        ValueError: A step is unknown, has wrong arguments, or would part masks and images.
        ImportError: The library is not installed.
    """
    library = _library_of(described)
    if library is None:
        made = _saved_by_albumentations(described)
    elif library == "albumentations":
        from mrcnn.data.augmentation.albumentations_adapter import import_albumentations

        module = import_albumentations()
        made = module.Compose(
            _steps(described[library], module, (module.BasicTransform, module.BaseCompose))
        )
    else:
        from mrcnn.data.augmentation.imgaug_import import import_imgaug

        module = import_imgaug().augmenters
        made = module.Sequential(_steps(described[library], module, module.Augmenter))
    augmenter = augmenter_of(made)
    assert augmenter is not None
    return augmenter


def _library_of(described: Mapping[str, Any]) -> str | None:
    return next((name for name in LIBRARIES if list(described) == [name]), None)


def _saved_by_albumentations(described: Mapping[str, Any]) -> Any:
    from mrcnn.data.augmentation.albumentations_adapter import import_albumentations

    try:
        return import_albumentations().from_dict(dict(described))
    except ImportError:
        raise
    except Exception as error:  # whatever their classes raise for what the file says
        raise ValueError(
            f"Albumentations cannot make the saved pipeline: {type(error).__name__}: {error}. "
            "Steps that hold functions, such as Lambda, cannot be read from a file."
        ) from error


def _steps(described: Any, module: types.ModuleType, kind: Any) -> list[Any]:
    if not isinstance(described, list) or not all(_is_step(step) for step in described):
        raise ValueError(f"{_FORM}. Got {shown(described)}.")
    made = []
    for step in described:
        ((name, given),) = step.items()
        made.append(_step(name, given, module, kind))
    return made


def _is_step(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value)), str)


def _step(name: str, given: Any, module: types.ModuleType, kind: Any) -> Any:
    classes = {other: value for other, value in vars(module).items() if isinstance(value, type)}
    known = [other for other, value in classes.items() if issubclass(value, kind)]
    if name not in known:
        meant = name_meant(name, known, 0.6)
        raise ValueError(
            f"{module.__name__} has no {name}." + (f" Did you mean {meant}?" if meant else "")
        )
    by_name: dict[str, Any] = {}
    by_position: list[Any] = []
    if isinstance(given, Mapping):
        by_name = {key: _argument(value, module, kind) for key, value in given.items()}
    elif isinstance(given, list) and not _are_steps(given):
        by_position = [_argument(value, module, kind) for value in given]
    elif given is not None:
        by_position = [_argument(given, module, kind)]
    try:
        return classes[name](*by_position, **by_name)
    except Exception as error:  # whatever their classes raise for wrong arguments
        raise ValueError(f"{name} cannot be made from {shown(given)}: {error}.") from error


def _are_steps(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_step(step) for step in value)


def _argument(value: Any, module: types.ModuleType, kind: Any) -> Any:
    """Converts nested steps to objects, and two numbers in a list to a range."""
    if _are_steps(value) and all(next(iter(step))[0].isupper() for step in value):
        return _steps(value, module, kind)
    if isinstance(value, Mapping):
        return {key: _argument(one, module, kind) for key, one in value.items()}
    if isinstance(value, list) and len(value) == 2:
        if all(isinstance(one, (int, float)) for one in value):
            return tuple(value)
    return value
