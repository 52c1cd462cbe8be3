"""The columns of a training's history in words: losses, scores and the learning rate."""

import re
from collections.abc import Mapping
from typing import Any

from mrcnn.training.run_folder import AVERAGED

VALIDATION = "val_"
_LOSS = re.compile(r"(?:mrcnn_)?(\w+?)_loss(?:_stage(\d+))?")
# What a loss is about, and which part of the network it trains.
_ABOUT = {
    "rpn_class": ("objectness", "RPN"),
    "rpn_bbox": ("box", "RPN"),
    "class": ("class", "detector head"),
    "bbox": ("box", "detector head"),
}
_OTHERS = {"lr": "learning rate at the end of the epoch", "loss": "loss"}
_ABBREVIATION = re.compile(r"\b(ap|ap50|ap75|f1|iou)\b")


def in_words(name: str) -> str:
    """Writes the name of a column in words.

    Args:
        name: For instance "mrcnn_bbox_loss", "val_mask_ap" or "lr".

    Returns:
        For instance "box loss of the detector head", "mask AP" or "learning rate at the end of the
        epoch". A column of validation has the words of that of training.
    """
    name = name.removeprefix(VALIDATION)
    if name in _OTHERS:
        return _OTHERS[name]
    loss = _LOSS.fullmatch(name)
    if not loss:
        return _ABBREVIATION.sub(lambda found: found[0].upper(), name.replace("_", " "))
    about, part = _ABOUT.get(loss[1], (loss[1].replace("_", " "), ""))
    stage = f", stage {loss[2]}" if loss[2] else ""
    return f"{about} loss of the {part}{stage}" if part else f"{about} loss{stage}"


def losses_in_words(logs: Mapping[str, Any], *, validation: bool = False) -> str:
    """Writes a loss and the losses that it is the sum of, for a line of a log.

    Args:
        logs: Numbers by the names of columns.
        validation: The losses of validation instead of training.

    Returns:
        For instance "loss 1.500 (box 0.250, class 0.500, mask 0.250, RPN objectness 0.500)"; ""
        without a loss.
    """
    columns = {}
    for name, value in logs.items():
        if name.startswith(VALIDATION) == validation:
            columns[name.removeprefix(VALIDATION)] = value
    if "loss" not in columns:
        return ""
    parts = []
    for name, value in columns.items():
        if loss := _LOSS.fullmatch(name):
            about, part = _ABOUT.get(loss[1], (loss[1].replace("_", " "), ""))
            rpn, stage = "RPN " if part == "RPN" else "", f" {loss[2]}" if loss[2] else ""
            parts.append(f"{rpn}{about}{stage} {float(value):.3f}")
    text = f"loss {float(columns['loss']):.3f}"
    return f"{text} ({', '.join(parts)})" if parts else text


def scores_in_words(logs: Mapping[str, Any]) -> list[str]:
    """Writes the scores of an epoch, for a line of a log.

    Args:
        logs: Numbers by the names of columns.

    Returns:
        For instance ["mask AP 0.123", "box AP 0.150", "mask AP of averaged weights 0.130"].
    """
    scores = []
    for name, value in logs.items():
        column = name.removeprefix(AVERAGED)
        if column.startswith(VALIDATION) and not _is_loss(column):
            weights = " of averaged weights" if column != name else ""
            scores.append(f"{in_words(column)}{weights} {float(value):.3f}")
    return scores


def _is_loss(column: str) -> bool:
    name = column.removeprefix(VALIDATION)
    return name == "loss" or bool(_LOSS.fullmatch(name))
