"""Ensemble files: which models belong to an ensemble, what each counts, and how they are fused.

JSON or YAML. Paths are relative to the file.

    {"members": [{"weights": "runs/a", "weight": 2}, {"weights": "runs/b"}],
     "fusion": {"method": "wbf", "iou_threshold": 0.6}}

This module imports without Keras and OpenCV, so that a wrong path is reported at once.
"""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fashion.formats.model_files import member_in, shipped_models
from mrcnn.data.record_checks import preview
from mrcnn.files import digest_of, write_text
from mrcnn.inference.fusion import FusionSettings
from mrcnn.inference.tiles import tiling_of
from mrcnn.json_files import read_json_object
from mrcnn.setting_checks import is_number
from mrcnn.typing import PathLike

SUFFIXES = (".json", ".yaml", ".yml")
CATEGORIES = ("boxes", "mean", "vote")
ATTRIBUTES = ("mean", "vote")
_KEYS = ("members", "fusion", "categories", "attributes", "tta", "tiles")
_MEMBER_KEYS = ("weights", "weight", "labels", "settings")


@dataclasses.dataclass(frozen=True)
class MemberFile:
    """A member as the file names it.

    Attributes:
        path: Weights: a checkpoint of a detector, weights.h5 of a semantic network, or rescorer.h5
            of a crop classifier.
        weight: Above 0.
        labels: Label file of a checkpoint that holds no label list; None for none.
        settings: Settings that replace those of the checkpoint.
    """

    path: Path
    weight: float = 1.0
    labels: Path | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class EnsembleFile:
    """What an ensemble consists of.

    Attributes:
        members: One or more; the first detector's labels are those of the ensemble.
        fusion: How boxes are fused.
        categories: How categories are chosen, see `mrcnn.inference.combination.Rules`; None: "mean"
            with a crop classifier, otherwise "boxes".
        attributes: "mean" or "vote".
        tta: Views of each image, see `mrcnn.inference.views.views_of`.
        tiles: Windows, see `mrcnn.inference.tiles.tiling_of`.
    """

    members: tuple[MemberFile, ...]
    fusion: FusionSettings = FusionSettings()
    categories: str | None = None
    attributes: str = "mean"
    tta: str = ""
    tiles: str = ""

    def contents(self) -> dict[str, Any]:
        """Describes whatever decides the predictions, so that a changed ensemble is recognised.

        Returns:
            JSON-able; files by the digests of their contents.
        """
        members = []
        for member in self.members:
            file = member_in(member.path)
            beside = file.with_suffix(".settings.json")
            members.append(
                {
                    "weights": digest_of(file),
                    "weight": member.weight,
                    "labels": None if member.labels is None else digest_of(member.labels),
                    "settings": dict(member.settings),
                    "beside": digest_of(beside) if beside.exists() else None,
                }
            )
        rules = dataclasses.asdict(dataclasses.replace(self, members=()))
        del rules["members"]
        return rules | {"members": members}


def ensemble_of(arguments: Sequence[PathLike]) -> EnsembleFile:
    """Reads what names an ensemble on the command line.

    Args:
        arguments: One ensemble file; or run folders and weight files, which have equal weights.

    Returns:
        The ensemble.

    Raises:
        OSError: A file is missing.
        ValueError: A file is not an ensemble, or not a weight file.
    """
    paths = [Path(argument).expanduser() for argument in arguments]
    files = [path for path in paths if path.suffix.lower() in SUFFIXES and not path.is_dir()]
    if files and len(paths) > 1:
        raise ValueError(
            f"--ensemble takes either one ensemble file or several models. Got {files[0]} among "
            f"{len(paths)} arguments; name all models in one file."
        )
    if files:
        return read_ensemble(files[0])
    for path in paths:
        member_in(path)
    return EnsembleFile(tuple(MemberFile(path) for path in paths))


def read_ensemble(path: PathLike) -> EnsembleFile:
    """Reads an ensemble file.

    Args:
        path: A .json, .yaml or .yml file.

    Returns:
        The ensemble. Its members exist.

    Raises:
        OSError: A file is missing.
        ValueError: The file is not an ensemble; the message says where.
    """
    path = Path(path).expanduser()
    content = read_json_object(path) if path.suffix.lower() == ".json" else _read_yaml(path)
    _check_keys(content, _KEYS, path)
    rows = content.get("members")
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"{path}: members is {preview(rows)}. Expected a list of models.")
    members = tuple(_member(row, i, path) for i, row in enumerate(rows))
    categories = content.get("categories")
    _check_one_of(categories, (None, *CATEGORIES), "categories", path)
    attributes = content.get("attributes", "mean")
    _check_one_of(attributes, ATTRIBUTES, "attributes", path)
    from mrcnn.inference.views import views_of  # not at the top: it imports OpenCV

    texts = {}
    for name, read in (("tta", views_of), ("tiles", tiling_of)):
        texts[name] = str(content.get(name) or "")
        try:
            read(texts[name])
        except ValueError as error:
            raise ValueError(f"{path}: {name}: {error}") from error
    return EnsembleFile(members, _fusion(content, path), categories, attributes, **texts)


def write_ensemble(path: PathLike, ensemble: EnsembleFile, **about: Any) -> None:
    """Writes an ensemble file, with paths relative to it where they are below its folder.

    Args:
        path: The .json file.
        ensemble: The ensemble.
        **about: More entries, under "about".
    """
    folder = Path(path).absolute().parent
    members: list[dict[str, Any]] = []
    for member in ensemble.members:
        row: dict[str, Any] = {"weights": _relative(member.path, folder), "weight": member.weight}
        if member.labels is not None:
            row["labels"] = _relative(member.labels, folder)
        if member.settings:
            row["settings"] = dict(member.settings)
        members.append(row)
    content: dict[str, Any] = {"members": members, "fusion": dataclasses.asdict(ensemble.fusion)}
    for name in ("categories", "attributes", "tta", "tiles"):
        if value := getattr(ensemble, name):
            content[name] = value
    if about:
        content["about"] = about
    write_text(path, json.dumps(content, indent=2) + "\n")


def fusion_settings(values: Mapping[str, Any], where: str) -> FusionSettings:
    """Checks how boxes are fused.

    Args:
        values: Of `FusionSettings`, by name.
        where: What errors call the place.

    Returns:
        The settings.

    Raises:
        ValueError: A value is unknown or wrong.
    """
    known = {field.name: field.type for field in dataclasses.fields(FusionSettings)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"{where} has {unknown[0]!r}. It may have {', '.join(known)}.")
    for name, value in values.items():
        right = isinstance(value, str) if known[name] in (str, "str") else is_number(value)
        if not right:
            raise ValueError(f"{where}.{name} is {preview(value)}. Expected {_expected(name)}.")
    try:
        return FusionSettings(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _expected(name):
    return "a name" if isinstance(getattr(FusionSettings(), name), str) else "a number"


def _fusion(content, path):
    values = content.get("fusion") or {}
    if not isinstance(values, dict):
        raise ValueError(f"{path}: fusion is {preview(values)}. Expected an object.")
    return fusion_settings(values, f"{path}: fusion")


def _member(row, number, path):
    where = f"{path}: members[{number}]"
    if isinstance(row, str):
        row = {"weights": row}
    if not isinstance(row, dict) or not isinstance(row.get("weights"), str):
        raise ValueError(
            f'{where} is {preview(row)}. Expected {{"weights": PATH}}, and perhaps a weight.'
        )
    _check_keys(row, _MEMBER_KEYS, where)
    weight = row.get("weight", 1.0)
    if not is_number(weight) or not 0 < weight < 1e9:
        raise ValueError(f"{where}.weight is {preview(weight)}. Expected a number above 0.")
    settings = row.get("settings") or {}
    if not isinstance(settings, dict):
        raise ValueError(f"{where}.settings is {preview(settings)}. Expected an object.")
    labels = row.get("labels")
    if labels is not None:
        if not isinstance(labels, str):
            raise ValueError(f"{where}.labels is {preview(labels)}. Expected a path.")
        labels = path.parent / Path(labels).expanduser()
        if not labels.is_file():
            raise FileNotFoundError(f"{where}: there is no label file {labels}.")
    weights = path.parent / Path(row["weights"]).expanduser()
    if not weights.exists():
        weights = shipped_models().get(row["weights"], weights)
    try:
        member_in(weights)
    except (OSError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from error
    return MemberFile(weights, float(weight), labels, settings)


def _read_yaml(path):
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds {preview(content)}. Expected an object with members.")
    return content


def _check_keys(content, known, where):
    unknown = sorted(str(key) for key in content if key not in known and key != "about")
    if unknown:
        raise ValueError(f"{where} has {unknown[0]!r}. It may have {', '.join(known)}.")


def _check_one_of(value, choices, name, path):
    if value not in choices:
        names = ", ".join(choice for choice in choices if choice)
        raise ValueError(f"{path}: {name} is {preview(value)}. Expected one of {names}.")


def _relative(path, folder):
    path = Path(path).absolute()
    return os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)
