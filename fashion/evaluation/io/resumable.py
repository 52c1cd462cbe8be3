"""Journal: predictions as they are made, image by image, so that a killed run can resume."""

import json
import os
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mrcnn.data.resize import check_placeable
from mrcnn.files import appending
from mrcnn.typing import Array, PathLike


class Journal:
    """A file with one line of JSON for what it belongs to, then one for each image.

    A file about something else is overwritten. A line that was cut off or damaged is dropped, and
    so is what follows it.

    Args:
        path: Of the file.
        about: Whatever decides the predictions, as JSON can hold it.

    Attributes:
        done: {image id: its rows}.
    """

    def __init__(self, path: PathLike, about: dict) -> None:
        self.path = Path(path)
        self.done: dict[int | str, Any] = {}
        with appending(self.path):
            self._open(about)

    def _open(self, about: dict) -> None:
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

    def add(self, image_id: int | str, rows: Any) -> None:
        """Writes the rows of an image.

        Args:
            image_id: Of the image.
            rows: Its predictions, as JSON can hold them.
        """
        self._write(json.dumps([image_id, rows]).encode() + b"\n")
        self.done[image_id] = rows

    def close(self) -> None:
        """Closes the file; a later run can continue it."""
        with appending(self.path):  # what could not be written before is tried once more
            self._file.close()

    def remove(self) -> None:
        """Closes and deletes the file, once its content is stored elsewhere."""
        self.close()
        os.remove(self.path)

    def _write(self, line: bytes) -> None:
        with appending(self.path):
            self._file.write(line)
            self._file.flush()


def journal_differences(path: PathLike, about: dict) -> list[tuple[str, object, object]]:
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
    about = json.loads(json.dumps(about))  # as the file returns it
    return [
        (key, before.get(key), about.get(key))
        for key in sorted(before.keys() | about.keys())
        if before.get(key) != about.get(key)
    ]


def remaining(ids: Sequence, done: Container, batch_size: int) -> list:
    """Chooses what a resumed run predicts.

    Args:
        ids: Of all images, in their order.
        done: Those whose predictions are in the journal.
        batch_size: Of the model.

    Returns:
        The ids that are not done. Before them, the done ones of the batch in which the run was
        interrupted, and one full batch where the rest is less than one: a prediction depends, in
        its last digits, on what else is in the batch and on which sizes are compiled, so this way
        the result equals that of an uninterrupted run.
    """
    first = next((i for i, name in enumerate(ids) if name not in done), len(ids))
    rest = [name for name in ids[first:] if name not in done]
    if not rest:
        return []
    start = first - first % batch_size
    if first - start + len(rest) < batch_size:
        start = max(0, start - batch_size)
    return [*ids[start:first], *rest]


def predict_resumable(
    model: Any,
    dataset: Any,
    row_of: Callable[..., Any],
    about: dict,
    path: PathLike | None = None,
) -> tuple[list, Journal | None]:
    """Predicts all images of a data set, and keeps the results in a journal as they are made.

    Args:
        model: `FashionModel`.
        dataset: A prepared `Dataset`.
        row_of: (result of the model, image id, ontology) -> what JSON can hold.
        about: Whatever decides the predictions, as JSON can hold it; of files their digests. The
            names of the images are added as "photos".
        path: Of the journal; None keeps nothing.

    Returns:
        What `row_of` made of each image, and the journal or None: the caller's to close, or to
        remove when the results are stored elsewhere.
    """
    journal, done, ids = None, {}, [int(image_id) for image_id in dataset.image_ids]
    if path:
        journal = Journal(path, about | {"photos": image_names(dataset)})
        done = dict(journal.done)
    config = getattr(model, "config", None)
    todo = remaining(ids, done, getattr(config, "BATCH_SIZE", 1))
    results = zip(todo, model.stream(_images(dataset, todo, config)), strict=True)
    for image_id, result in tqdm(
        results, total=len(ids), initial=len(ids) - len(todo), unit="image"
    ):
        done[image_id] = row_of(result, image_id, model.ontology)
        if journal:
            journal.add(image_id, done[image_id])
    return [done[image_id] for image_id in ids], journal


def image_names(dataset: Any) -> list[str]:
    """Lists the images of a data set, in their order.

    Args:
        dataset: A `Dataset`.

    Returns:
        Their names.
    """
    return [info["id"] for info in dataset.image_info]


def _images(dataset: Any, image_ids: Sequence[int], config: Any) -> Iterator[Array]:
    """The images, one by one; an error names one that the model has no canvas for."""
    for image_id in image_ids:
        image = dataset.load_image(image_id)
        if config is not None:
            info = dataset.image_info[image_id]
            check_placeable(image.shape[:2], config, info.get("path") or info["id"])
        yield image
        del image  # one image in memory at a time
