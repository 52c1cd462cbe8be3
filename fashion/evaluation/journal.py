"""Journal: predictions as they are made, photo by photo, so that a run that was killed goes on where it stopped."""
import json
import os
from pathlib import Path

from tqdm import tqdm


class Journal:
    """One line of JSON for what it belongs to, then one for each photo.

    path: of the file; about: dict that JSON can hold, whatever decides the predictions. A file about something else is begun anew; a line
    that was cut off or damaged is dropped, and what follows it.
    """

    def __init__(self, path, about):
        self.path, self.done = Path(path), {}    # image id -> its rows
        self.path.parent.mkdir(parents=True, exist_ok=True)
        head, kept = json.dumps(about, sort_keys=True).encode() + b"\n", 0
        if self.path.exists():
            with open(self.path, "rb") as file:
                if file.readline() == head:
                    kept = file.tell()
                    while (line := file.readline()).endswith(b"\n"):
                        try:
                            image_id, rows = json.loads(line)
                        except (ValueError, TypeError):
                            break
                        self.done[image_id] = rows
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
        self._file.close()

    def remove(self):
        """Closes and deletes the file: its content is elsewhere now."""
        self.close()
        os.remove(self.path)

    def _write(self, line):
        self._file.write(line)
        self._file.flush()


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
        written = [Path(about[name]).stat().st_mtime_ns for name in ("weights", "rescore") if about.get(name)]
        journal = Journal(path, about | {"written": written, "photos": [info["id"] for info in dataset.image_info]})
        done = dict(journal.done)
    todo = [image_id for image_id in ids if image_id not in done]
    results = model.stream(map(dataset.load_image, todo))
    for image_id, result in tqdm(zip(todo, results, strict=True), total=len(ids), initial=len(done), unit="photo"):
        done[image_id] = row_of(result, image_id, model.ontology)
        if journal:
            journal.add(image_id, done[image_id])
    return [done[image_id] for image_id in ids], journal
