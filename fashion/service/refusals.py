"""Refusals: JSON answers to requests that are not served, in a way that clients get to see them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

# Of the ASGI standard.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# What is read of a body after its refusal, and for how long.
_READ_ON_BYTES, _READ_ON_SECONDS = 64 << 20, 2.0


class Refusal(Exception):
    """A request that is not served.

    Args:
        status: HTTP status.
        detail: What happened and what to do, for the client.
        retry_after: Seconds after which the client may try again; None if that is of no use.
    """

    def __init__(self, status: int, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers: dict[str, str] = {}
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, round(retry_after)))


def header(scope: Scope, name: bytes) -> str | None:
    """Looks up a header of a request.

    Args:
        scope: Of ASGI.
        name: In lower case.

    Returns:
        Its first value; None if there is none.
    """
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


async def send_refusal(
    refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, is_read: bool
) -> None:
    """Answers a request that is not served.

    A connection that is closed while the client still sends is reset, and the client may lose the
    answer. So the answer goes out first, and the rest of the body is read for a moment and dropped.

    Args:
        refusal: Why.
        scope: Of ASGI.
        receive: Of ASGI.
        send: Of ASGI.
        is_read: Whether the body has been read, or there is none.
    """
    body = json.dumps({"detail": refusal.detail}).encode()
    # A client that asked whether to send its body at all has not sent it.
    reads_on = not is_read and has_body(scope) and header(scope, b"expect") is None
    headers: Mapping[str, str] = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **({} if is_read or not has_body(scope) else {"Connection": "close"}),
        **refusal.headers,
    }
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": pairs})
    await send({"type": "http.response.body", "body": body, "more_body": reads_on})
    if reads_on:
        await _read_on(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def has_body(scope: Scope) -> bool:
    """Returns whether a request announces a body.

    Args:
        scope: Of ASGI.

    Returns:
        False if there is none, or an empty one.
    """
    if header(scope, b"transfer-encoding") is not None:
        return True
    return (header(scope, b"content-length") or "0").strip() != "0"


async def _read_on(receive: Receive) -> None:
    left = _READ_ON_BYTES
    try:
        async with asyncio.timeout(_READ_ON_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
