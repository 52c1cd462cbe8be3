"""What a run folder tells at a glance: data, recipe, epochs, scores, time. Reads no weights."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mrcnn.json_files import read_json_object
from mrcnn.locks import FolderInUse, check_free
from mrcnn.training.run_folder import AVERAGED, RunFolder
from mrcnn.typing import PathLike

FINISHED, STOPPED, RUNNING = "finished", "stopped", "running"
# Why a training ended, as "ended" in its config.json; null until then.
ENDED, ENDED_EARLY = "all epochs", "patience"
# Field of `RunFacts`: column of history.csv.
SCORES = {
    "ap": "val_mask_ap",
    "ap50": "val_mask_ap50",
    "box_ap": "val_box_ap",
    "f1": "val_attribute_micro_f1",
}
_STARTED = re.compile(r"(20\d{6}T\d{6})")  # in the name that training gives a run folder


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """A row of the table of runs.

    Attributes:
        path: The run folder.
        data: The data that it was trained on.
        recipe: Name of the recipe.
        epochs: Epochs that are complete.
        planned: Epochs of all stages.
        state: FINISHED, STOPPED or RUNNING.
        best_epoch: Epoch of the scores, the one with the best mask AP; None before the first.
        ap: Mask AP on the validation images; None if it was not measured, as the other scores.
        ap50: Mask AP50.
        box_ap: Box AP.
        f1: Micro F1 of the attributes; None also where the label list has none.
        seconds: The sum over its epochs, with their validation; None if that is not known.
        started: When it was started; None if that is not known.
    """

    path: Path
    data: str
    recipe: str
    epochs: int
    planned: int
    state: str
    best_epoch: int | None
    ap: float | None
    ap50: float | None
    box_ap: float | None
    f1: float | None
    seconds: float | None
    started: datetime | None

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.resolve().name


def find_runs(folder: PathLike) -> list[Path]:
    """Finds run folders.

    Args:
        folder: A run folder, or a folder with run folders at any depth.

    Returns:
        The run folders, sorted by path.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}. Give a run folder of `fashion train`, or a folder with "
            "run folders."
        )
    configs = sorted(folder.rglob("config.json"))
    return [path.parent for path in configs if _is_run(path.parent)]


def _is_run(folder: Path) -> bool:
    """Other commands write a config.json, too; only a run has a recipe."""
    try:
        return "recipe" in RunFolder(folder).read_config()
    except (ValueError, OSError):
        return False


def read_run(folder: PathLike) -> RunFacts:
    """Reads the facts of a run.

    Args:
        folder: The run folder; also of an older version, or of a training that was killed.

    Returns:
        Its facts.

    Raises:
        FileNotFoundError: It is not a run folder.
        ValueError: config.json is damaged.
    """
    run = RunFolder(folder)
    arguments, history = run.read_config(), run.read_history()
    planned = sum(int(stage.get("epochs", 0)) for stage in arguments.get("stages") or ())
    epochs = len(history)
    best_epoch, scores = _best(run, history)
    if (arguments.get("ontology") or {}).get("attributes") == []:
        scores["f1"] = None  # older histories have a 0 there
    started = _STARTED.search(run.path.resolve().name)
    return RunFacts(
        path=run.path,
        data=str(arguments.get("data") or "built-in data"),
        recipe=str(arguments.get("recipe", "")),
        epochs=epochs,
        planned=planned,
        state=_state(run, arguments, epochs, planned, best_epoch),
        best_epoch=best_epoch,
        **scores,
        seconds=_seconds(run, history, started),
        started=datetime.strptime(started[1], "%Y%m%dT%H%M%S") if started else None,
    )


def _best(
    run: RunFolder, history: Sequence[Mapping[str, Any]]
) -> tuple[int | None, dict[str, float | None]]:
    """The epoch whose weights are in best.h5, and its scores.

    Averaged weights compete with the last ones of an epoch, but history.csv has only their mask AP:
    the other scores are in metrics.json.
    """
    best: dict[str, float | None] = dict.fromkeys(SCORES)
    best_epoch, averaged = None, False
    for row in history:
        for prefix in (AVERAGED, ""):
            score = row.get(prefix + SCORES["ap"])
            if isinstance(score, int | float) and (best["ap"] is None or score > best["ap"]):
                best["ap"], best_epoch, averaged = float(score), row["epoch"], bool(prefix)
                if not averaged:
                    best |= {field: row.get(column) for field, column in SCORES.items()}
    if averaged:
        best = {"ap": best["ap"]} | _from_metrics(run, best_epoch)
    return best_epoch, best


def _from_metrics(run: RunFolder, epoch: int | None) -> dict[str, float | None]:
    """The scores in metrics.json other than mask AP, if they are of this epoch."""
    path = run.path / "metrics.json"
    metrics = read_json_object(path) if path.exists() else {}
    if metrics.get("epoch") != epoch:
        return {field: None for field in SCORES if field != "ap"}
    return {
        "ap50": metrics["coco"]["segm"]["AP50"],
        "box_ap": metrics["coco"]["bbox"]["AP"],
        "f1": metrics["attributes"]["micro_f1"],
    }


def _state(
    run: RunFolder,
    arguments: Mapping[str, Any],
    epochs: int,
    planned: int,
    best_epoch: int | None,
) -> str:
    """Finished after all epochs, or where the training says so."""
    if epochs >= planned > 0 or arguments.get("ended"):
        return FINISHED
    patience = arguments.get("patience")
    older = "ended" not in arguments  # such runs do not say that --patience has ended them
    if older and patience and best_epoch and epochs - best_epoch >= patience:
        return FINISHED
    try:
        check_free(run.path)
    except FolderInUse:
        return RUNNING
    return STOPPED


def _seconds(
    run: RunFolder, history: Sequence[Mapping[str, Any]], started: re.Match[str] | None
) -> float | None:
    """The sum over the epochs, or the time from the start to the last epoch."""
    epochs = [row.get("epoch_seconds") for row in history]
    if epochs and all(isinstance(value, int | float) for value in epochs):
        return float(sum(epochs))  # type: ignore[arg-type]
    if not started or not run.history.exists():
        return None
    start = datetime.strptime(started[1], "%Y%m%dT%H%M%S").timestamp()
    return max(run.history.stat().st_mtime - start, 0.0)


def duration(seconds: float | None) -> str:
    """Writes a duration: "2 h 05 min", "12 min", "40 s".

    Args:
        seconds: None: not known.

    Returns:
        The text; a dash if it is not known.
    """
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
