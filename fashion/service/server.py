"""The server: uvicorn, with time-outs that it lacks, and a log of JSON lines."""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fashion.service.app import Service, create_app
from fashion.service.gate import JsonLines

log = logging.getLogger("fashion.service")

HEADER_SECONDS = 10  # until a request line and its headers must have come
STALLED_SECONDS = 30  # in which a client that reads nothing is given up
MOST_CONNECTIONS = 500
_GRACE_SECONDS = 30


class TimedProtocol(H11Protocol):
    """Closes connections that send no request, or do not read the answer."""

    _headers_timer: asyncio.TimerHandle | None = None
    _stalled_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[override]
        """Begins to wait for the first request.

        Args:
            transport: Of asyncio.
        """
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Takes data, and waits on if a request is not complete.

        Args:
            data: What came.
        """
        super().data_received(data)
        if self._is_idle():
            self._wait_for_headers()
        else:
            self._headers_timer = _cancel(self._headers_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends waiting.

        Args:
            exc: Of asyncio.
        """
        self._headers_timer = _cancel(self._headers_timer)
        self._stalled_timer = _cancel(self._stalled_timer)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begins to wait for a client that does not read."""
        super().pause_writing()
        if self._stalled_timer is None:
            self._stalled_timer = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads."""
        self._stalled_timer = _cancel(self._stalled_timer)
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Closes an idle connection, also if the client has not read all of the answer."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_headers(self) -> None:
        if self._headers_timer is None:
            self._headers_timer = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._headers_timer = None
        if self._is_idle() and not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
            self.transport.close()
            self.loop.call_later(STALLED_SECONDS, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None


class _Server(uvicorn.Server):
    """Stops on signals without raising them again: a stopped service has not failed."""

    def capture_signals(self) -> Any:
        return _Signals(self)


class _Signals:
    def __init__(self, server: uvicorn.Server) -> None:
        self.server = server
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._stop)

    def _stop(self, number: int, frame: types.FrameType | None) -> None:
        log.info("stopping", extra={"fields": {"signal": signal.Signals(number).name}})
        self.server.handle_exit(number, frame)

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def listen_at(host: str, port: int) -> socket.socket:
    """Takes a port.

    Args:
        host: Address or name of this machine.
        port: Port; 0 for any that is free.

    Returns:
        The socket that listens.

    Raises:
        OSError: The port is taken, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise OSError(
            f"The service cannot listen at {host}, port {port}: {_reason(error)}. Choose another "
            "--port, or an address of this machine as --host."
        ) from error


def _reason(error: OSError) -> str:
    """Why a port cannot be taken, without the address that Python adds to it."""
    if error.errno is None or error.errno < 0:  # of looking up a name, not of the system
        return "Its address is not known"
    return os.strerror(error.errno)


def serve(
    service: Service, listener: socket.socket, on_ready: Callable[[], Any] = lambda: None
) -> bool:
    """Serves until a signal comes. Requests that have begun are answered before it returns.

    Args:
        service: What is served.
        listener: Of `listen_at`.
        on_ready: Called once, when all is loaded.

    Returns:
        Whether all threads have ended. They have not if the model is still being loaded.

    Raises:
        BaseException: What the model or the index could not be loaded for.
    """
    _log_as_json()
    config = uvicorn.Config(
        create_app(service),
        http=TimedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `access.Clients` reads them
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True

    announced = threading.Lock()  # two workers may become ready at the same moment

    def announce() -> None:
        if service.is_ready and announced.acquire(blocking=False):
            on_ready()

    for worker in service.workers:
        worker.on_failure, worker.on_ready = stop, announce
    server.run(sockets=[listener])
    for worker in service.workers:
        if worker.error is not None:
            raise worker.error
    return all(worker.stop(0) for worker in service.workers)


def _log_as_json() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("fashion.service", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
