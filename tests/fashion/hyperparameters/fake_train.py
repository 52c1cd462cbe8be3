"""Stands in for `fashion train`: leaves its files, with made-up scores, in milliseconds.

The score is best at a learning rate of 1e-3 and with adamw, and grows from epoch to epoch. Each
epoch that begins and each that is complete is a line of epochs.log beside the run folders.
"""

import csv
import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from mrcnn.files import write_text  # noqa: E402
from mrcnn.locks import locked  # noqa: E402

COLUMN = "val_mask_ap"
ERROR = "some lines\nfashion train: error: the loss is not finite."


def options(words):
    """{option: value}; settings under their own names."""
    found = {}
    for word, value in zip(words, [*words[1:], ""]):
        if word == "--set":
            name, _, found[name] = value.partition("=")
        elif word.startswith("--"):
            found[word] = value
    return found


def score(found, epoch):
    value = 0.5 - 0.1 * abs(math.log10(float(found.get("--lr", 1e-3))) + 3)
    value += 0.05 * (found.get("--optimizer") == "adamw")
    value -= 0.01 * float(found.get("WEIGHT_DECAY", 0))
    value += 1e-4 * (int(found.get("--seed", 0)) % 3)
    return value * (1 - 1 / (epoch + 2))


def train(words):
    """Yields the number of complete epochs after each."""
    found = options(words)
    folder, epochs = Path(found["--out"], found["--name"]), int(found.get("--epochs", 4))
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "fashion train"):
        history, config = folder / "history.csv", folder / "config.json"
        about = {
            "recipe": "smoke",
            "stages": [{"epochs": epochs}],
            "ended": None,
            "words": words,
            "config": {"WEIGHT_DECAY": 0.5, "OPTIMIZER": "sgd", "EVALUATE_EVERY": 1},
        }
        if not config.exists():
            write_text(config, json.dumps(about))
        rows = []
        if history.exists():
            rows = list(csv.DictReader(history.read_text().splitlines()))
        for epoch in range(len(rows) + 1, epochs + 1):
            note(folder, f"begin {folder.name} {epoch}")
            rows.append({"epoch": epoch, COLUMN: score(found, epoch), "epoch_seconds": 30})
            lines = [",".join(str(value) for value in row.values()) for row in rows]
            write_text(history, "\n".join([f"epoch,{COLUMN},epoch_seconds", *lines, ""]))
            note(folder, f"done {folder.name} {epoch}")
            yield epoch
        write_text(folder / "metrics.json", json.dumps({"f1_ap": {"segm": {"f1AP": 0.25}}}))
        write_text(folder / "index.html", "a page")
        write_text(config, json.dumps(about | {"ended": "all epochs"}))


def note(folder, line):
    with open(folder.parent / "epochs.log", "a") as log:
        log.write(f"{line}\n")


if __name__ == "__main__":
    for _ in train(sys.argv[1:]):
        pass
