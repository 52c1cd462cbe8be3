"""Keys, limits, names and origins: who may ask, and how often."""

import pytest

from fashion.service.access import Clients, RateLimit, network_of
from fashion.service.refusals import Refusal


def scope(peer="10.0.0.9", forwarded=None):
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    return {"client": (peer, 1234), "headers": headers}


def test_only_trusted_proxies_may_say_who_a_client_is():
    assert Clients().address(scope(forwarded="1.2.3.4")) == "10.0.0.9"
    trusting = Clients(["10.0.0.0/8", "::1"])
    assert trusting.address(scope(forwarded="1.2.3.4")) == "1.2.3.4"
    # The last one that is not a proxy of ours: what is before it, the client may have made up.
    assert trusting.address(scope(forwarded="6.6.6.6, 1.2.3.4, 10.1.1.1")) == "1.2.3.4"
    assert trusting.address(scope(forwarded="nonsense")) == "10.0.0.9"
    assert trusting.address(scope()) == "10.0.0.9"
    assert trusting.address(scope("8.8.8.8", "1.2.3.4")) == "8.8.8.8"
    assert trusting.address({"client": None, "headers": []}) == "unknown"


def test_what_is_no_network_is_refused():
    with pytest.raises(ValueError, match=r"example.org is neither an address nor a network"):
        network_of("example.org")


def test_a_limit_allows_so_many_at_once_and_then_a_share_of_a_minute_each():
    now = [100.0]
    limit = RateLimit(3, clock=lambda: now[0])
    for _ in range(3):
        limit.check("a")
    with pytest.raises(Refusal) as refused:
        limit.check("a")
    assert refused.value.status == 429 and refused.value.headers["Retry-After"] == "20"
    limit.check("b")
    now[0] += 20
    limit.check("a")
    with pytest.raises(Refusal):
        limit.check("a")


def test_addresses_of_one_ipv6_network_are_one_client_and_few_clients_are_remembered():
    limit = RateLimit(1, clock=lambda: 0.0)
    limit.check("2001:db8::1")
    with pytest.raises(Refusal):
        limit.check("2001:db8::2")
    limit.check("2001:db8:0:1::1")
    for number in range(12_000):
        limit.check(str(number))
    assert len(limit._left) == 10_000


def test_a_key_opens_the_api_and_nothing_else_needs_it(client, fakes):
    served = client(api_keys=("first", "größer"))
    for path in ("/", "/app.js", "/healthz", "/livez", "/samples/a.jpg"):
        assert served.get(path).status_code == 200
    for path in ("/api/model", "/api/similar/1", "/metrics", "/api/openapi.json"):
        refused = served.get(path)
        assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
        assert served.get(path, headers={"X-API-Key": "wrong"}).status_code == 401
        assert served.get(path, headers={"X-API-Key": "first"}).status_code == 200
        assert served.get(path, headers={"Authorization": "Bearer first"}).status_code == 200
        key = "größer".encode()
        assert served.get(path, headers={b"X-API-Key": key}).status_code == 200
    assert served.post("/api/detect", files={"photo": fakes.photo()}).status_code == 401


def test_a_client_that_sends_too_many_photos_waits(client, fakes):
    served = client(rate_limit=2)

    def send():
        return served.post("/api/detect", files={"photo": fakes.photo()})

    assert [send().status_code for _ in range(3)] == [200, 200, 429]
    assert int(send().headers["retry-after"]) > 0
    assert served.get("/api/similar/1").status_code == 200
    assert served.get("/healthz").status_code == 200


def test_a_service_of_this_machine_answers_to_its_own_names_only(client):
    served = client(hosts=("localhost", "127.0.0.1", "::1"))
    for name in ("localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"):
        assert served.get("/api/model", headers={"Host": name}).status_code == 200
    for name in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io"):
        refused = served.get("/api/model", headers={"Host": name})
        assert refused.status_code == 421 and "localhost" in refused.json()["detail"]
        assert served.get("/healthz", headers={"Host": name}).status_code == 200


def test_other_origins_may_call_only_if_they_are_named(client, fakes):
    asking = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "X-API-Key",
    }
    closed = client(api_keys=("k",))
    assert (
        "access-control-allow-origin" not in closed.options("/api/detect", headers=asking).headers
    )
    opened = client(api_keys=("k",), origins=("https://shop.example",))
    allowed = opened.options("/api/detect", headers=asking)
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    other = opened.options("/api/detect", headers=asking | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    refused = opened.get("/api/model", headers={"Origin": "https://shop.example"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"
