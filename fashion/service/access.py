"""Access: who a client is, whether it has a key, and how many photos it has sent."""

import collections
import hmac
import ipaddress
import time
from collections.abc import Callable, Iterable

from fashion.service.refusals import Refusal, Scope, header

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Clients that a limit remembers; the one that asked longest ago is forgotten.
_MOST_CLIENTS = 10_000
_IPV6_CLIENT = 64  # bits: whoever has an address of IPv6 has 2^64 of them


class Clients:
    """Tells clients apart by their address.

    Args:
        trusted_proxies: Addresses or networks of proxies whose X-Forwarded-For is believed.

    Raises:
        ValueError: One is neither an address nor a network.
    """

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted = [network_of(text) for text in trusted_proxies]

    def address(self, scope: Scope) -> str:
        """Finds the address of a client.

        Args:
            scope: Of ASGI.

        Returns:
            The address of the connection. If that is a trusted proxy, the last address of
            X-Forwarded-For that is none: what stands before it, a client may have made up.
        """
        peer = scope.get("client")
        found = str(peer[0]) if peer else "unknown"
        if not self._is_trusted(found):
            return found
        forwarded = (header(scope, b"x-forwarded-for") or "").split(",")
        for text in reversed([entry.strip() for entry in forwarded]):
            try:
                address = str(ipaddress.ip_address(text))
            except ValueError:
                break
            found = address
            if not self._is_trusted(address):
                break
        return found

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def network_of(text: str) -> _Network:
    """Reads an address or a network.

    Args:
        text: "10.0.0.1", or "10.0.0.0/8".

    Returns:
        The network.

    Raises:
        ValueError: It is neither.
    """
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(
            f"{text} is neither an address nor a network. Write 10.0.0.1 or 10.0.0.0/8."
        ) from None


class RateLimit:
    """How many requests a client may send: so many a minute, and as many at once.

    Args:
        per_minute: Number of requests.
        clock: Seconds.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute, self._clock = per_minute, clock
        self._left: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()

    def check(self, address: str) -> None:
        """Counts a request.

        Args:
            address: Of the client.

        Raises:
            Refusal: 429, with the time after which one more is allowed.
        """
        client, now = _client_of(address), self._clock()
        left, then = self._left.pop(client, (self.per_minute, now))
        left = min(self.per_minute, left + (now - then) * self.per_minute / 60)
        is_allowed = left >= 1
        self._left[client] = (left - 1 if is_allowed else left), now
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        if not is_allowed:
            raise Refusal(
                429,
                f"{self.per_minute:g} requests a minute are allowed. Try again later.",
                (1 - left) * 60 / self.per_minute,
            )


def _client_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((int(found), _IPV6_CLIENT), strict=False))


def check_key(scope: Scope, keys: Iterable[str]) -> None:
    """Checks the key of a request, in time that does not depend on how much of it is right.

    Args:
        scope: Of ASGI.
        keys: Keys that are allowed.

    Raises:
        Refusal: 401, the key is missing or wrong.
    """
    given = header(scope, b"x-api-key") or ""
    authorization = header(scope, b"authorization") or ""
    if not given and authorization[:7].lower() == "bearer ":
        given = authorization[7:].strip()
    matches = [hmac.compare_digest(given.encode("latin-1"), key.encode()) for key in keys]
    if not any(matches):
        refusal = Refusal(
            401, "This service needs a key: the header X-API-Key. Ask whoever runs it for one."
        )
        refusal.headers["WWW-Authenticate"] = "Bearer"
        raise refusal
