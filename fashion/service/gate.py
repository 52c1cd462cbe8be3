"""Gate: what every request passes through: its id, the log, security headers, key and limits."""

import asyncio
import dataclasses
import json
import logging
import re
import time
import uuid
from typing import Any

from starlette.requests import ClientDisconnect

from fashion.service.access import Clients, RateLimit, check_key
from fashion.service.metrics import Metrics
from fashion.service.refusals import App, Message, Receive, Refusal, Scope, Send, send_refusal
from fashion.service.refusals import header as header_of
from fashion.service.settings import ServiceSettings

log = logging.getLogger("fashion.service")

RECORD = "fashion.record"  # in the scope
CLIENT_CLOSED = 499  # the status that logs use for clients that did not wait
# Looking at garments of the index is cheap, and a page of results has dozens.
_OTHER_REQUESTS = 30
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
ROUTES = (
    *("/", "/api/model", "/api/detect", "/api/search", "/api/trends", "/api/openapi.json"),
    *("/livez", "/healthz", "/metrics"),
)
PREFIXES = {
    "/api/similar/": "/api/similar/{id}",
    "/api/thumbnail/": "/api/thumbnail/{id}",
    "/samples/": "/samples/{file}",
}
OPEN = ("/livez", "/healthz")  # for whoever restarts the service, by any name and without key
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


@dataclasses.dataclass
class Record:
    """What is known of a request.

    Attributes:
        id: Of the request, in its answer and in the log.
        client: Address.
        began: When, `time.monotonic`.
        status: Of the answer; 0 as long as there is none.
        is_complete: Whether all of the answer has been sent.
        bytes_out: Of the answer.
        about: More for the log, such as the number of garments.
    """

    id: str
    client: str
    began: float
    status: int = 0
    is_complete: bool = False
    bytes_out: int = 0
    about: dict[str, Any] = dataclasses.field(default_factory=dict)


class Envelope:
    """Gives requests an id, writes a line of the log for each, counts them, and adds headers.

    Args:
        app: The application.
        settings: Whose proxies are trusted.
        metrics: Counts.
    """

    def __init__(self, app: App, settings: ServiceSettings, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics
        self.clients = Clients(settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request.

        Args:
            scope: Of ASGI.
            receive: Of ASGI.
            send: Of ASGI.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = header_of(scope, b"x-request-id") or ""
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        record = Record(request_id, self.clients.address(scope), time.monotonic())
        scope[RECORD] = record

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                own = [(b"x-request-id", record.id.encode()), *_HEADERS]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            else:
                record.bytes_out += len(message.get("body", b""))
                record.is_complete = not message.get("more_body", False)
            await send(message)

        try:
            await self._serve(scope, receive, noted, record)
        finally:
            self._note(scope, record)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, record: Record) -> None:
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            record.status = CLIENT_CLOSED
        except asyncio.CancelledError:
            record.about["error"] = "the service was stopped"
            raise
        except Exception:
            log.exception("error", extra={"fields": {"request_id": record.id}})
            if record.status and not record.is_complete:
                raise  # the server closes the connection: half an answer must not look like a whole
            if not record.status:
                await send_refusal(failure(record), scope, receive, send, is_read=False)

    def _note(self, scope: Scope, record: Record) -> None:
        seconds = time.monotonic() - record.began
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.add_request(method, route_of(scope["path"]), record.status, seconds)
        fields = {
            "request_id": record.id,
            "client": record.client,
            "method": method,
            "path": scope["path"][:200],
            "status": record.status,
            "bytes": record.bytes_out,
            "seconds": round(seconds, 4),
            **record.about,
        }
        # Probes ask every few seconds, for ever.
        is_probe = scope["path"] in OPEN and record.status < 400
        log.log(logging.DEBUG if is_probe else logging.INFO, "request", extra={"fields": fields})


def failure(record: Record) -> Refusal:
    """Makes the answer to a request that failed by a fault of this program.

    Args:
        record: Of the request.

    Returns:
        500; the log has what happened.
    """
    return Refusal(500, f"Something went wrong on the server. Its log has more, under {record.id}.")


class Gate:
    """Refuses requests by a wrong name, without a key, and too many of them.

    Args:
        app: The application.
        settings: Names, keys and limits.
    """

    def __init__(self, app: App, settings: ServiceSettings) -> None:
        self.app, self.settings = app, settings
        limit = settings.rate_limit
        self.photos = RateLimit(limit) if limit else None
        self.others = RateLimit(limit * _OTHER_REQUESTS) if limit else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request.

        Args:
            scope: Of ASGI.
            receive: Of ASGI.
            send: Of ASGI.
        """
        if scope["type"] == "http" and scope["path"] not in OPEN:
            try:
                self._check(scope)
            except Refusal as refusal:
                await send_refusal(refusal, scope, receive, send, is_read=False)
                return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        hosts = self.settings.hosts
        if hosts is not None and _host_of(scope) not in hosts:
            # A web page elsewhere can make its own name mean this machine, and then read answers.
            raise Refusal(421, f"This service answers to {', '.join(hosts)} only.")
        is_api = scope["path"].startswith("/api/") or scope["path"] == "/metrics"
        if not is_api or scope["method"] == "OPTIONS":
            return
        limit = self.photos if scope["method"] == "POST" else self.others
        if limit is not None:
            limit.check(scope[RECORD].client)
        if self.settings.api_keys:
            check_key(scope, self.settings.api_keys)


def _host_of(scope: Scope) -> str:
    """The name in the header Host, without the port."""
    host = (header_of(scope, b"host") or "").strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def route_of(path: str) -> str:
    """Names the route of a path, for metrics: a few names, whatever clients ask for.

    Args:
        path: Of a request.

    Returns:
        The route; "other" for what there is not.
    """
    if path in ROUTES:
        return path
    if re.fullmatch(r"/[a-z_]+\.(?:js|css|html)", path):
        return "/{file}"
    for prefix, route in PREFIXES.items():
        if path.startswith(prefix):
            return route
    return "other"


class JsonLines(logging.Formatter):
    """Formats log records as JSON, one in a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a record.

        Args:
            record: Of `logging`; its attribute `fields` is a dict of more entries.

        Returns:
            A line without its end.
        """
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {
            "time": f"{when}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage().strip(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=True, default=str)
