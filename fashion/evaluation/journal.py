"""Journal: predictions as they are made, photo by photo, so that a run that was killed goes on where it stopped."""
import json
import os
from pathlib import Path


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
