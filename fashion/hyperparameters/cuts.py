"""Why the pruner has cut a training, in words."""

import statistics
from collections.abc import Mapping

import optuna
from optuna.trial import TrialState

from fashion.hyperparameters.metrics import Metric
from fashion.pages.text import count


def reason_for_cut(
    pruner: str,
    study: optuna.Study,
    scored: Mapping[int, float],
    epoch: int,
    metric: Metric,
) -> str:
    """Says why a training was cut.

    Args:
        pruner: "median" or "hyperband".
        study: The study.
        scored: Values of the training by epoch.
        epoch: The last complete one.
        metric: What is maximized.

    Returns:
        The comparison that the pruner made, as far as it is known.
    """
    best = metric.best(list(scored.values()))
    own = f"{metric.column} {best:.4f}"
    if pruner == "hyperband":
        return f"{own} by epoch {epoch} is not among the best third of its rung"
    others = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if epoch in trial.intermediate_values:
            others.append(trial.intermediate_values[epoch])
    if not others:
        return f"{own} by epoch {epoch}"
    than = "below" if metric.maximize else "above"
    return (
        f"{own} by epoch {epoch} is {than} {statistics.median(others):.4f}, the median of "
        f"{count(len(others), 'finished training')} at that epoch"
    )
