"""What can be done with a run: commands to type, on its page and on the screen."""

import shlex
from collections.abc import Mapping
from typing import Any

from fashion.labels.ontology import Ontology
from fashion.pages.text import count, number
from fashion.reports.run_facts import FINISHED, RunFacts


def next_commands(facts: RunFacts, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Suggests what to do with a run.

    Args:
        facts: Of the run.
        arguments: Its config.json, which names the data and the labels.

    Returns:
        `(what it does, command)`, the most useful first.
    """
    run = shlex.quote(str(facts.path))
    data = "" if facts.data == "built-in data" else f" --data {shlex.quote(facts.data)}"
    for name in ("images", "val"):
        if arguments.get(name):
            data += f" --{name} {shlex.quote(str(arguments[name]))}"
    # Only what has official labels can be submitted.
    labels = arguments.get("ontology")
    tune = " --tune kaggle_2020" if labels and Ontology.from_dict(labels).is_official() else ""
    thresholds = " and the thresholds" if tune else ""
    commands = []
    if facts.state != FINISHED:
        commands.append(
            (
                "Resume the training after its last complete epoch.",
                f"fashion train --resume --out {run}",
            )
        )
    if facts.best_epoch is not None:
        commands += [
            (
                f"Score all validation images, with every metric, the errors{thresholds}.",
                f"fashion evaluate --weights {run}{data}{tune}",
            ),
            (
                "Draw what the model predicts in your images.",
                f"fashion predict --weights {run} IMAGES",
            ),
        ]
    return commands


def finished_text(facts: RunFacts, arguments: Mapping[str, Any]) -> str:
    """Says that a run is finished, where its page is and what can be done next.

    Args:
        facts: Of a finished run.
        arguments: Its config.json.

    Returns:
        Lines for the screen.
    """
    score = "" if facts.ap is None else f", mask AP {number(facts.ap)} in epoch {facts.best_epoch}"
    lines = [
        f"{facts.path} is finished already: {count(facts.epochs, 'epoch')}{score}. To train it "
        "again, add --restart.",
        f"page of the run: {facts.path / 'index.html'}",
    ]
    commands = next_commands(facts, arguments)
    if commands:
        lines.append(f"next: {commands[0][1]}")
    return "\n".join(lines)
