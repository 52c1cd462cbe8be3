"""Networks: what is written of each kind of model, made of values that another process can be sent.

A maker is a function (model, **values that JSON can hold) -> `Network`.
"""

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.export.files import Network
from mrcnn.export.graph import ExportSettings, detection_graph, traced_settings
from mrcnn.inference.final_scores import ScoreSettings
from mrcnn.modeling.detector import Detector
from mrcnn.typing import Size, Tensor

__all__ = ["as_exported", "detection_network", "dotted_name", "named", "plain_network"]

# Logits -> outputs by name.
Outputs = Callable[[Tensor], dict[str, Tensor]]


def detection_network(detector: Detector, settings: Mapping[str, Any]) -> Network:
    """Makes the network of a detector.

    Args:
        detector: With the settings of `as_exported`.
        settings: `ExportSettings` as `dataclasses.asdict` gives them, also after a trip through
            JSON.

    Returns:
        The network: inputs "images" and "windows", outputs of `detection_graph`.
    """
    chosen = settings_from(settings)
    run = detection_graph(detector, chosen)
    return Network(
        lambda inputs: run(inputs["images"], inputs["windows"]),
        {
            "images": ((chosen.batch, *chosen.image_hw, len(chosen.mean)), "uint8"),
            "windows": ((chosen.batch, 4), "float32"),
        },
        detector.variables,
    )


def settings_from(values: Mapping[str, Any]) -> ExportSettings:
    """Makes settings of what `dataclasses.asdict` made of them.

    Args:
        values: By name; tuples may have become lists.

    Returns:
        The settings.
    """
    plain: dict[str, Any] = _with_tuples(values)
    scores: dict[str, Any] = _with_tuples(values["scores"])
    return ExportSettings(**plain | {"scores": ScoreSettings(**scores)})


def _with_tuples(values):
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}


@contextlib.contextmanager
def as_exported(detector: Detector, settings: ExportSettings) -> Iterator[None]:
    """Gives a detector the settings that are exported, as long as the block runs.

    Args:
        detector: The detector.
        settings: What is fixed.

    Yields:
        Nothing.
    """
    before = detector.settings
    detector.settings = before.replace(traced_settings(settings))
    try:
        yield
    finally:
        detector.settings = before


def plain_network(
    model: keras.Model,
    outputs: str,
    image_hw: Size,
    mean: Sequence[float],
    std: Sequence[float],
    batch: int | None,
) -> Network:
    """Makes the network of a model from images to logits.

    Args:
        model: `(B, H, W, C)` float32, normalised -> logits.
        outputs: "module:function", of logits -> outputs by name.
        image_hw: Height and width of the input.
        mean: Of each channel, subtracted from pixels of 0..255.
        std: Of each channel, that they are divided by.
        batch: Images at once; None for any number.

    Returns:
        The network: input "images" `(B, H, W, C)` uint8.
    """
    function: Outputs = named(outputs)
    centre, spread = np.asarray(mean, np.float32), np.asarray(std, np.float32)

    def run(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        pixels = (ops.cast(inputs["images"], "float32") - centre) / spread
        return function(ops.cast(model(pixels, training=False), "float32"))

    inputs = {"images": ((batch, *image_hw, len(mean)), "uint8")}
    return Network(run, inputs, model.variables)


def dotted_name(function: Callable) -> str:
    """Names a function so that another process finds it.

    Args:
        function: Of a module.

    Returns:
        "module:function".
    """
    return f"{function.__module__}:{function.__qualname__}"


def named(name: str) -> Any:
    """Finds what `dotted_name` has named.

    Args:
        name: "module:function".

    Returns:
        The function.
    """
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)
