"""`fit_detector`: trains a `Detector` as its `Config` says, by the general loop in `fit`."""

from collections.abc import Sequence
from typing import Any

import keras

from mrcnn.config import Config
from mrcnn.modeling.detector import Detector
from mrcnn.modeling.devices import use_xla
from mrcnn.training.fit import fit
from mrcnn.training.optimizers import make_optimizer
from mrcnn.training.run_folder import RunFolder
from mrcnn.training.stages import Stage
from mrcnn.training.trainable_layers import set_trainable


def fit_detector(
    model: Detector,
    config: Config,
    batches: keras.utils.PyDataset,
    stages: Sequence[Stage],
    run: RunFolder,
    *,
    score: str | None = "val_mask_ap",
    **options: Any,
) -> list[dict[str, Any]]:
    """Trains a detector stage by stage, each with its own layers, optimiser and schedule.

    Args:
        model: From `build_detector`.
        config: Read for the optimiser, its schedule and JIT_COMPILE.
        batches: `TrainingBatches`; closed at the end.
        stages: In order.
        run: Where checkpoints and the history go.
        score: The number of `evaluate` that selects best.h5.
        **options: Of `fit`: validation, evaluate, every, resume, callbacks and so on.

    Returns:
        The history: a dict for each epoch.

    Raises:
        FileNotFoundError: There is nothing to resume.
        FloatingPointError: The loss is not finite. What was saved before stays.
        FolderInUse: Another training writes into the run folder.
    """

    def compile_stage(stage: Stage, steps: int) -> None:
        set_trainable(model, config, stage.layers)
        optimizer = make_optimizer(config, stage.learning_rate, steps)
        model.compile(optimizer, jit_compile=use_xla(config))

    return fit(
        model, batches, stages, run, compile_stage, score=score, load=model.load_weights, **options
    )
