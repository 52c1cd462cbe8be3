"""The study in Optuna: its storage, sampler and pruner, and the values that a trial takes."""

import contextlib
import hashlib
import inspect
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from fashion.hyperparameters.space import Parameter, Space, Values
from mrcnn.packages import PackageMissing

JOURNALS = (".log", ".journal")
DATABASE = "study.db"
# TPE chooses at random until this many trials have ended: Optuna's default.
_RANDOM_FIRST = 10
# The median pruner compares with at least this many finished trials: Optuna's default.
_FINISHED_FIRST = 5
_REDUCTION = 3  # Hyperband keeps the best third of a rung
_WAIT_S = 100  # for a database that another process writes to


class SeededSampler(BaseSampler):
    """Samples each trial with a generator of its own, from the seed and the trial's number.

    One generator for all, as Optuna has it, would repeat its first values in a search that
    resumes, and the values would depend on which process asks first.

    Args:
        kind: "random" or "tpe".
        seed: Of the search.
    """

    def __init__(self, kind: str, seed: int) -> None:
        self.kind, self.seed = kind, seed
        self._inner: BaseSampler = RandomSampler(seed)

    def before_trial(self, study: Any, trial: FrozenTrial) -> None:
        """Makes the generator of a trial.

        Args:
            study: The study.
            trial: That begins, or is taken over.
        """
        digest = hashlib.sha256(f"{self.seed} {trial.number}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big")
        with _quiet():
            if self.kind == "tpe":
                # Others that still run count as bad, so that two processes try different points.
                self._inner = TPESampler(
                    seed=seed, n_startup_trials=_RANDOM_FIRST, constant_liar=True
                )
            else:
                self._inner = RandomSampler(seed)
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Any, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Finds the parameters that are sampled together.

        Args:
            study: The study.
            trial: That begins.

        Returns:
            Distributions by parameter.
        """
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Any, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Samples parameters together.

        Args:
            study: The study.
            trial: That begins.
            search_space: From `infer_relative_search_space`.

        Returns:
            Values by parameter.
        """
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Any, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Samples a parameter.

        Args:
            study: The study.
            trial: That begins.
            param_name: Name of the parameter.
            param_distribution: Its distribution.

        Returns:
            Its value.
        """
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: Any, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Learns of a trial that has ended.

        Args:
            study: The study.
            trial: The trial.
            state: How it ended.
            values: Of the metric; None without any.
        """
        self._inner.after_trial(study, trial, state, values)


def storage_of(text: str | None, folder: Path) -> BaseStorage:
    """Opens the storage of a study.

    Args:
        text: Value of --storage: an SQLAlchemy URL, or a journal file; None for SQLite in the
            folder.
        folder: Folder of the search.

    Returns:
        The storage.

    Raises:
        PackageMissing: The driver of the database is not installed.
        OSError: The database does not answer.
    """
    if text and Path(text).suffix in JOURNALS and "://" not in text:
        # Absolute: Optuna's lock is a symbolic link to the file, from the folder of the file.
        path = Path(text).expanduser().resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path)))
    url = text or f"sqlite:///{(folder / DATABASE).resolve()}"
    is_file = url.startswith("sqlite")
    options = {"connect_args": {"timeout": _WAIT_S}} if is_file else {"pool_pre_ping": True}
    import sqlalchemy.exc  # comes with Optuna

    try:
        return RDBStorage(url, engine_kwargs=options)
    except ImportError as error:
        raise PackageMissing(
            "--storage names a database whose driver is not installed. For PostgreSQL: pip install "
            '"psycopg2-binary>=2.9,<3".'
        ) from error
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.ArgumentError) as error:
        first, *_ = str(error).splitlines()
        raise OSError(f"The database of --storage cannot be opened: {first}") from error


def pruner_of(kind: str, epochs: int) -> BasePruner:
    """Makes the pruner.

    Args:
        kind: "none", "median" or "hyperband".
        epochs: The largest number of epochs of a training.

    Returns:
        The pruner; steps are epochs, counted from 1.
    """
    if kind == "median":
        # The first third of a training says little: new heads are still being trained.
        return MedianPruner(_FINISHED_FIRST, n_warmup_steps=math.ceil(epochs / 3))
    if kind == "hyperband":
        return HyperbandPruner(
            min_resource=1, max_resource=max(epochs, 1), reduction_factor=_REDUCTION
        )
    return NopPruner()  # Optuna's default would be the median pruner, in a grid too


def open_study(
    storage: BaseStorage, name: str, maximize: bool, sampler: BaseSampler, pruner: BasePruner
) -> optuna.Study:
    """Opens a study, or begins it.

    Args:
        storage: From `storage_of`.
        name: Of the study in the storage.
        maximize: False where less is better.
        sampler: Optuna stores neither sampler nor pruner.
        pruner: From `pruner_of`.

    Returns:
        The study.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name=name,
        storage=storage,
        direction="maximize" if maximize else "minimize",
        sampler=sampler,
        pruner=pruner,
        load_if_exists=True,
    )


def delete_study(storage: BaseStorage, name: str) -> None:
    """Removes a study with its trials.

    Args:
        storage: From `storage_of`.
        name: Of the study; there may be none.
    """
    with contextlib.suppress(KeyError):
        optuna.delete_study(study_name=name, storage=storage)


def suggest(trial: Trial, space: Space) -> Values:
    """Chooses the values of a trial, and stores them.

    Args:
        trial: Of the study.
        space: The search space.

    Returns:
        By the names of parameters; those whose condition is not met are left out.
    """
    values: Values = {}
    with _quiet():
        for parameter in space.parameters:
            if parameter.applies(values):
                values[parameter.name] = _suggest(trial, parameter)
    return values


def _suggest(trial: Trial, parameter: Parameter) -> Any:
    name, low, high = parameter.name, parameter.low, parameter.high
    if parameter.choices:
        return trial.suggest_categorical(name, parameter.choices)
    if parameter.is_whole:
        step = int(parameter.step or 1)
        return trial.suggest_int(name, int(low), int(high), step=step, log=parameter.is_log)
    return trial.suggest_float(name, low, high, step=parameter.step, log=parameter.is_log)


def report(trial: Trial, value: float, epoch: int) -> None:
    """Reports the value of an epoch; one that was reported before stays.

    Args:
        trial: Of the study.
        value: Of the metric.
        epoch: Counted from 1.
    """
    with _quiet():
        trial.report(value, epoch)


def resumed(study: optuna.Study, trial: FrozenTrial) -> Trial:
    """Takes over a trial that a process began which has ended.

    Args:
        study: The study.
        trial: Running according to the storage.

    Returns:
        The trial, with the values and reports that it has.
    """
    return Trial(study, trial._trial_id)


def importances(study: optuna.Study) -> dict[str, float]:
    """Computes how much each parameter matters (PED-ANOVA).

    Args:
        study: The study.

    Returns:
        Shares by parameter, the largest first; empty where they cannot be computed.
    """
    evaluator = optuna.importance.PedAnovaImportanceEvaluator
    # Older versions of Optuna have the argument under another name. The best quarter: the best
    # tenth, Optuna's default, would be two of twenty trials.
    names = inspect.signature(evaluator.__init__).parameters
    quantile = "target_quantile" if "target_quantile" in names else "baseline_quantile"
    with _quiet():
        try:
            found = optuna.importance.get_param_importances(
                study, evaluator=evaluator(**{quantile: 0.25})
            )
        except (ValueError, RuntimeError):  # too few trials, or all alike
            return {}
    return {name: share for name, share in found.items() if math.isfinite(share)}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leaves out warnings that a user of the search can do nothing about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield
