"""Uploads: the photo of a request, from a form or as the body itself; never on a disk."""

from typing import Any

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from fashion.service.photos import KINDS
from fashion.service.refusals import Refusal

FIELD = "photo"
_RAW = (*KINDS.values(), "image/jpg", "application/octet-stream")
# For OpenAPI, which FastAPI cannot know: a form with a file, or the file itself.
_BINARY = {"schema": {"type": "string", "format": "binary"}}
REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A JPEG, PNG or WebP file.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            },
            **{kind: _BINARY for kind in KINDS.values()},
        },
    }
}


class _InMemory(MultiPartParser):
    """Keeps files in memory, whose size is limited elsewhere; Starlette's writes them to a disk."""

    spool_max_size = max_file_size = 1 << 40


async def read_upload(request: Request) -> bytes:
    """Reads the photo of a request.

    Args:
        request: Its body is a form with a file `photo`, or the file.

    Returns:
        Content of the file.

    Raises:
        Refusal: There is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _RAW:
        return await request.body()
    if kind == "multipart/form-data":
        return await _from_form(request)
    raise Refusal(
        415,
        f"Send a form with a file named {FIELD} (multipart/form-data), or a JPEG, PNG or WebP file "
        "as the body with its Content-Type.",
    )


async def _from_form(request: Request) -> bytes:
    try:
        parser = _InMemory(request.headers, request.stream(), max_files=1, max_fields=8)
        form = await parser.parse()
    except (MultiPartException, ValueError, LookupError, TypeError) as error:
        if str(error).startswith("Too many files"):
            text = f"The form has more than one file. Send one, named {FIELD}."
        else:
            text = "The form cannot be read. Send it as multipart/form-data."
        raise Refusal(400, text) from error
    file = form.get(FIELD)
    if file is None or isinstance(file, str):
        raise Refusal(400, f"The form has no file named {FIELD}.")
    with file.file:
        return file.file.read()
