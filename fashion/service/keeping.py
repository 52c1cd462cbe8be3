"""Keeping: uploaded photos and their answers in a folder, if the service is told to."""

import datetime
import logging
import shutil
from pathlib import Path

from fashion.service.photos import Photo
from mrcnn.files import write_bytes

log = logging.getLogger("fashion.service")

_ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_LEAST_FREE_BYTES = 1 << 30


class Keeper:
    """Keeps photos as they were sent, with their answers.

    Args:
        folder: Gets a folder for each day.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, request_id: str, photo: Photo, answer: bytes) -> None:
        """Writes a photo and its answer, unless the disk is nearly full.

        Args:
            request_id: Names the files.
            photo: The photo.
            answer: JSON.
        """
        try:
            day = self.folder / datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
            day.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(day).free < _LEAST_FREE_BYTES:
                raise OSError("less than a gigabyte is free")
            # A client may choose the id, and use it twice.
            stem = f"{datetime.datetime.now(datetime.UTC):%H%M%S%f}-{request_id}"
            write_bytes(day / f"{stem}.{_ENDINGS[photo.kind]}", photo.data)
            write_bytes(day / f"{stem}.json", answer)
        except OSError as error:
            fields = {"request_id": request_id, "reason": str(error)}
            log.error("a photo was not kept", extra={"fields": fields})
