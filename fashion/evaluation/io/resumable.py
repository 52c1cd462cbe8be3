"""Journal: predictions as they are made, photo by photo, so that a run that was killed goes on where it stopped."""

import json
import os
from collections.abc import Container, Sequence
from pathlib import Path

from tqdm import tqdm

from mrcnn.data.resize import check_placeable
from mrcnn.files import appending


class Journal:
    """One line of JSON for what it belongs to, then one for each photo.

    path: of the file; about: dict that JSON can hold, whatever decides the predictions. A file about something else is begun anew; a line
    that was cut off or damaged is dropped, and what follows it.
    """

    def __init__(self, path, about):
        self.path, self.done = Path(path), {}  # image id -> its rows
        with appending(self.path):
            self._open(about)

    def _open(self, about):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        head, kept = json.dumps(about, sort_keys=True).encode() + b"\n", 0
        if self.path.exists():
            with open(self.path, "rb") as file:
                if file.readline() == head:
                    kept = file.tell()
                    while (line := file.readline()).endswith(b"\n"):
                        try:
                            image_id, rows = json.loads(line)
                            self.done[image_id] = rows
                        except (ValueError, TypeError, RecursionError):
                            break
                        kept = file.tell()
        self._file = open(self.path, "r+b" if kept else "wb")
        self._file.truncate(kept)
        self._file.seek(kept)
        if not kept:
            self._write(head)

    def add(self, image_id, rows):
        """Notes the rows of a photo."""
        self._write(json.dumps([image_id, rows]).encode() + b"\n")
        self.done[image_id] = rows

    def close(self):
        """Closes the file; it can be continued."""
        with appending(self.path):  # what could not be written before is tried once more
            self._file.close()

    def remove(self):
        """Closes and deletes the file: its content is elsewhere now."""
        self.close()
        os.remove(self.path)

    def _write(self, line):
        with appending(self.path):
            self._file.write(line)
            self._file.flush()


def begun_otherwise(path: str | os.PathLike, about: dict) -> list[tuple[str, object, object]]:
    """Compares what a journal belongs to with what is asked now.

    Args:
        path: Of the journal; there may be none.
        about: What `Journal` would be given.

    Returns:
        `(key, value there, value here)` of each difference, by key. Empty where the journal can be
        continued, and where it holds no predictions that could be lost.
    """
    try:
        with open(path, "rb") as file:
            before, first = json.loads(file.readline()), file.readline()
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(before, dict) or not first.endswith(b"\n"):
        return []
    about = json.loads(json.dumps(about))  # as the file gives it back
    return [
        (key, before.get(key), about.get(key))
        for key in sorted(before.keys() | about.keys())
        if before.get(key) != about.get(key)
    ]


def remaining(ids: Sequence, done: Container, batch_size: int) -> list:
    """Chooses what a resumed run predicts.

    Args:
        ids: Of all photos, in their order.
        done: Those whose predictions are noted.
        batch_size: Of the model.

    Returns:
        The ids that are not done. Before them, the done ones of the batch in which the run was
        interrupted, and one full batch where the rest is less than one: a prediction depends, in its
        last digits, on what else is in the batch and on which sizes are compiled, so this way the
        result equals that of an uninterrupted run.
    """
    first = next((i for i, name in enumerate(ids) if name not in done), len(ids))
    rest = [name for name in ids[first:] if name not in done]
    if not rest:
        return []
    start = first - first % batch_size
    if first - start + len(rest) < batch_size:
        start = max(0, start - batch_size)
    return [*ids[start:first], *rest]


def predict_noting(model, dataset, row_of, about, path=None):
    """Predict all photos of a data set, whose results are kept in a Journal as they are made.

    model: a FashionModel; dataset: a prepared `Dataset`; row_of: callable (result of the model, image id, ontology) -> what JSON can hold
    about: whatever decides the predictions, with the names of the files that do under "weights" and "rescore"
    path: of the journal; None: nothing is kept
    Returns: what `row_of` made of each photo, a list; the Journal or None, the caller's to close, or to remove when the results are
        somewhere else.
    """
    journal, done, ids = None, {}, [int(image_id) for image_id in dataset.image_ids]
    if path:
        written = [
            Path(about[name]).stat().st_mtime_ns
            for name in ("weights", "rescore")
            if about.get(name)
        ]
        journal = Journal(
            path,
            about | {"written": written, "photos": [info["id"] for info in dataset.image_info]},
        )
        done = dict(journal.done)
    todo = remaining(ids, done, getattr(getattr(model, "config", None), "BATCH_SIZE", 1))
    results = model.stream(_photos(dataset, todo, getattr(model, "config", None)))
    for image_id, result in tqdm(
        zip(todo, results, strict=True), total=len(ids), initial=len(ids) - len(todo), unit="photo"
    ):
        done[image_id] = row_of(result, image_id, model.ontology)
        if journal:
            journal.add(image_id, done[image_id])
    return [done[image_id] for image_id in ids], journal


def _photos(dataset, image_ids, config):
    """The photos, one after the other; one that the model has no canvas for is named."""
    for image_id in image_ids:
        photo = dataset.load_image(image_id)
        if config is not None:
            info = dataset.image_info[image_id]
            check_placeable(photo.shape[:2], config, info.get("path") or info["id"])
        yield photo
        del photo
