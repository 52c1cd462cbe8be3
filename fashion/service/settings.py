"""ServiceSettings: what a service allows, and to whom."""

import dataclasses
from pathlib import Path

MEGABYTE = 1 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclasses.dataclass(frozen=True)
class ServiceSettings:
    """What a service allows.

    Attributes:
        title: Heading of the page.
        most_bytes: Bytes of a request body.
        most_pixels: Pixels of a photo.
        most_waiting: Photos that wait for the model, besides the one that it works on.
        most_bytes_held: Bytes of all bodies together that are received or wait.
        body_seconds: Time in which a body must have been received.
        api_keys: Keys, one of which a request of the API must carry; none: everybody may ask.
        rate_limit: Photos a client may send in a minute; None for no limit.
        trusted_proxies: Addresses or networks of proxies whose X-Forwarded-For is believed.
        origins: Origins of web pages that may call the API.
        hosts: Names by which the service may be called, without the port; None for any.
        keep: Folder that keeps uploaded photos and their answers; None keeps nothing.
    """

    title: str = "Garments and attributes"
    most_bytes: int = 12 * MEGABYTE
    most_pixels: int = 50_000_000
    most_waiting: int = 16
    most_bytes_held: int = 256 * MEGABYTE
    body_seconds: float = 30.0
    api_keys: tuple[str, ...] = ()
    rate_limit: int | None = None
    trusted_proxies: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] | None = None
    keep: Path | None = None
