"""Responses: JSON of an answer or of a problem, and which problems there are."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from fashion.service import schemas

# For the description of the API.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.Problem, "description": text}
    for status, text in {
        400: "There is no photo in the request.",
        401: "A key is needed.",
        404: "There is no such garment, or no index.",
        408: "The upload took too long.",
        413: "The photo is too large.",
        415: "It is not a JPEG, PNG or WebP file, or a damaged one.",
        422: "A parameter is wrong or unknown.",
        429: "This client has sent too many requests.",
        503: "The service is busy, or is still being started.",
    }.items()
}


def as_json(content: Any) -> bytes:
    """Writes an answer.

    Args:
        content: JSON-able, without NaN.

    Returns:
        UTF-8.
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Names of labels may hold what is not text: half a surrogate pair.
    return text.encode("utf-8", errors="replace")


def json_response(content: bytes) -> Response:
    """Makes the response of an answer.

    Args:
        content: Of `as_json`.

    Returns:
        The response, which nobody stores.
    """
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})


def problem_response(
    status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Makes the response of a request that is not served.

    Args:
        status: Of HTTP.
        detail: What happened and what to do.
        headers: More headers.

    Returns:
        The response.
    """
    return JSONResponse({"detail": detail}, status, headers=dict(headers or {}))
