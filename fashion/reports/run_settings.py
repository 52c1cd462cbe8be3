"""The settings of a run as a person reads them: only what applies, without the names of code."""

from collections.abc import Mapping
from typing import Any

from fashion.cli.training_plan import LAYERS_IN_WORDS

_START_WEIGHTS = {"imagenet": "ImageNet", "coco": "COCO", "none": "none: everything was new"}


def split_in_words(arguments: Mapping[str, Any]) -> str:
    """Says which images validate and which are kept for a test.

    Args:
        arguments: config.json of a run.

    Returns:
        One line; "" of a run that does not say.
    """
    split = arguments.get("split") or {}
    kind, fold = split.get("kind"), split.get("fold")
    if kind == "val.csv":
        text = "the validation data that the data set has"
        if arguments.get("val"):
            text = f"the images of {arguments['val']}"
    elif not kind:
        return ""
    else:
        share = f"{100 * split.get('val_fraction', 0):g} % of the images"
        text = f"fold {fold[0]} of {fold[1]}" if fold else share
        text += ", chosen at random" if kind == "random" else ", with a share of every label"
        text += f", seed {split.get('seed', 0)}"
        if kind == "stratified" and split.get("near_duplicates"):
            text += "; near-duplicates stay together"
    if split.get("test_fraction"):
        text += f"; {100 * split['test_fraction']:g} % are kept for a test"
    return text


def settings_in_words(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Lists what a training was asked for.

    Args:
        arguments: config.json of a run.

    Returns:
        `(name, value)`; an empty value where nothing was asked for.
    """
    limit, patience = arguments.get("limit"), arguments.get("patience")
    return [
        ("Validation images", split_in_words(arguments)),
        ("Training images", f"at most {limit:,}, by --limit" if limit else ""),
        ("Rebalancing", ", ".join(arguments.get("rebalance") or ()) or "none"),
        ("Patience", f"{patience} epochs without a better score" if patience else ""),
        ("Seed", str(arguments.get("seed", ""))),
    ]


def start_weights_in_words(arguments: Mapping[str, Any]) -> str:
    """Names the weights that a training started from.

    Args:
        arguments: config.json of a run.

    Returns:
        A name or a path; "" of a run that does not say.
    """
    weights = str(arguments.get("weights") or "")
    return _START_WEIGHTS.get(weights, weights)


def layers_in_words(layers: str) -> str:
    """Says which layers a stage trains.

    Args:
        layers: The setting of the stage, such as "heads" or "4+".

    Returns:
        For instance "all layers but the backbone".
    """
    return LAYERS_IN_WORDS.get(layers, layers)
