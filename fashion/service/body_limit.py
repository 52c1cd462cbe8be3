"""BodyLimit: how large a request body may be and how long it may take, counted as it comes."""

import asyncio

from fashion.service.refusals import (
    App,
    Message,
    Receive,
    Refusal,
    Scope,
    Send,
    has_body,
    header,
    send_refusal,
)
from fashion.service.settings import MEGABYTE, ServiceSettings

BUSY_SECONDS = 5


class _Stopped(Exception):
    """The body is not read any further."""


class BodyLimit:
    """Ends requests whose bodies are too large or too slow, or too many at once.

    Frameworks answer 400 to whatever goes wrong while they read a form. So the answer of the
    application to a body that was stopped is dropped, and the client gets 413, 408 or 503.

    Args:
        app: The application.
        settings: Limits.
    """

    def __init__(self, app: App, settings: ServiceSettings) -> None:
        self.app, self.settings = app, settings
        self.held = 0  # bytes of all requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request.

        Args:
            scope: Of ASGI.
            receive: Of ASGI.
            send: Of ASGI.
        """
        if scope["type"] != "http" or not has_body(scope):
            await self.app(scope, receive, send)
            return
        await _Request(self, scope, receive, send).serve()


class _Request:
    def __init__(self, limit: BodyLimit, scope: Scope, receive: Receive, send: Send) -> None:
        self.limit, self.settings = limit, limit.settings
        self.scope, self.receive, self.send = scope, receive, send
        self.seen, self.is_read, self.is_answered = 0, False, False
        self.refusal: Refusal | None = None
        self.deadline = asyncio.get_running_loop().time() + self.settings.body_seconds

    async def serve(self) -> None:
        announced = header(self.scope, b"content-length") or "0"
        if announced.isdigit() and int(announced) > self.settings.most_bytes:
            self.refusal = self._too_large()
        else:
            try:
                await self.limit.app(self.scope, self._counted, self._guarded)
            except _Stopped:
                pass
            except Exception:
                if self.refusal is None:
                    raise
            finally:
                self.limit.held -= self.seen
        if self.refusal is not None and not self.is_answered:
            await send_refusal(
                self.refusal, self.scope, self.receive, self.send, is_read=self.is_read
            )

    async def _counted(self) -> Message:
        if self.refusal is not None:
            raise _Stopped
        if self.is_read:  # what comes now is the end of the connection
            return await self.receive()
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self.receive()
        except TimeoutError:
            seconds = f"{self.settings.body_seconds:g}"
            self._stop(Refusal(408, f"The upload took longer than {seconds} seconds."))
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            self.seen += size
            self.limit.held += size
            self.is_read = not message.get("more_body", False)
            if self.seen > self.settings.most_bytes:
                self._stop(self._too_large())
            if self.limit.held > self.settings.most_bytes_held:
                self._stop(Refusal(503, "Too many uploads at once. Try again.", BUSY_SECONDS))
        return message

    def _stop(self, refusal: Refusal) -> None:
        self.refusal = refusal
        raise _Stopped

    async def _guarded(self, message: Message) -> None:
        if self.refusal is not None and not self.is_answered:
            return
        self.is_answered = True
        await self.send(message)

    def _too_large(self) -> Refusal:
        most = self.settings.most_bytes / MEGABYTE
        return Refusal(413, f"The upload is larger than {most:g} MB. Make the photo smaller.")
