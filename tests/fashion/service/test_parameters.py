"""Parameters of the API: unknown and wrong ones are refused, in sentences that help."""

import pytest

from fashion.retrieval.garment import MOST_MATCHES

DETECT, SEARCH, SIMILAR, TRENDS = "/api/detect", "/api/search", "/api/similar/1", "/api/trends"
K = f"k must be a whole number from 1 to {MOST_MATCHES}."
SCORE = "confidence must be a number from 0 to 1."
PERIODS = "period must be one of week, month, quarter, year."


@pytest.fixture
def ask(client, fakes):
    """ask(path, params) -> the answer; requests that take a photo have one."""
    served = client()

    def send(path, params):
        if path in (DETECT, SEARCH):
            return served.post(path, params=params, files={"photo": fakes.photo()})
        return served.get(path, params=params)

    return send


@pytest.mark.parametrize(
    ("path", "params", "detail"),
    [
        (SEARCH, {}, "garment is missing. It must be a whole number of at least 1."),
        (SEARCH, {"garment": 0}, "garment must be a whole number of at least 1. Got 0."),
        (SIMILAR, {"k": "abc"}, f"{K} Got abc."),
        (SIMILAR, {"k": ""}, f"{K} Got nothing."),
        (SIMILAR, {"k": "1.5"}, f"{K} Got 1.5."),
        (SIMILAR, {"k": 0}, f"{K} Got 0."),
        (SIMILAR, {"k": MOST_MATCHES + 1}, f"{K} Got {MOST_MATCHES + 1}."),
        (SIMILAR, {"k": "9" * 5000}, f"{K} Got {'9' * 60}…."),
        (DETECT, {"confidence": "high"}, f"{SCORE} Got high."),
        (DETECT, {"confidence": 2}, f"{SCORE} Got 2."),
        (DETECT, {"confidence": -0.1}, f"{SCORE} Got -0.1."),
        (DETECT, {"confidence": "nan"}, f"{SCORE} Got nan."),
        (DETECT, {"confidence": "inf"}, f"{SCORE} Got inf."),
        (DETECT, {"masks": "x"}, "masks must be one of rle, polygons, grid, none. Got x."),
        (TRENDS, {"period": "day"}, f"{PERIODS} Got day."),
        (TRENDS, {"period": "moth"}, f"{PERIODS} Got moth. Did you mean month?"),
        (TRENDS, {"seasonal": "maybe"}, "seasonal must be true or false. Got maybe."),
        (SIMILAR, {"category": "x" * 201}, "category must have at most 200 characters. Got 201."),
        (SIMILAR, {"attribute": ["red"] * 21}, "attribute may be given at most 20 times. Got 21."),
        (SIMILAR, {"k": "x", "same_image": 3}, f"{K} Got x. same_image must be true or false."),
    ],
)
def test_what_is_wrong_is_told_with_what_was_expected(ask, path, params, detail):
    answer = ask(path, params)
    assert answer.status_code == 422 and answer.json()["detail"].startswith(detail)


def test_the_number_of_a_garment_in_an_address_is_checked(ask):
    answer = ask("/api/similar/red", {})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("garment_id must be a whole number from 0 to ")
    assert answer.json()["detail"].endswith(" Got red.")


@pytest.mark.parametrize("value", ["true", "1", "on", "yes"])
def test_a_switch_is_written_in_the_usual_ways(ask, value):
    assert ask(SIMILAR, {"same_image": value}).status_code == 200


@pytest.mark.parametrize(
    ("path", "name", "detail"),
    [
        (DETECT, "confidenc", "Did you mean confidence? It takes masks, confidence, attribute"),
        (SEARCH, "garments", "Did you mean garment? It takes garment, k, category, attribute."),
        (SIMILAR, "K", "Did you mean k? It takes k, category, attribute, same_image."),
        (TRENDS, "xyz", "It takes period, category, seasonal, shoots."),
        ("/api/thumbnail/1", "size", "It takes none."),
        ("/api/model", "v", "It takes none."),
        ("/api/openapi.json", "v", "It takes none."),
    ],
)
def test_an_unknown_parameter_is_refused_with_those_that_there_are(ask, path, name, detail):
    answer = ask(path, {name: "secret"})
    assert answer.status_code == 422
    expected = f"This address has no parameter {name}. {detail}"
    assert answer.json()["detail"].startswith(expected) and "secret" not in answer.text


@pytest.mark.parametrize(
    ("path", "params", "detail"),
    [
        (SIMILAR, {"k": [1, 2]}, "k may be given once. Got 1, 2."),
        (SIMILAR, {"k": [1, 1]}, "k may be given once. Got 1, 1."),
        (
            SIMILAR,
            {"category": ["", "any", "b", "c"]},
            "category may be given once. Got nothing, any",
        ),
        (SEARCH, {"garment": [1, 2]}, "garment may be given once. Got 1, 2."),
        (DETECT, {"confidence": [0.5, 0.6]}, "confidence may be given once. Got 0.5, 0.6."),
        (TRENDS, {"period": ["week", "month"]}, "period may be given once. Got week, month."),
    ],
)
def test_a_parameter_that_is_given_twice_is_refused(ask, path, params, detail):
    answer = ask(path, params)
    assert answer.status_code == 422 and answer.json()["detail"].startswith(detail)


def test_attributes_may_be_repeated(ask):
    assert ask(SIMILAR, {"attribute": ["red", "red"]}).status_code == 200


def test_several_photos_and_wrong_methods_are_told(client, fakes):
    served = client()
    files = [("photo", fakes.photo()), ("photo", fakes.photo())]
    answer = served.post(DETECT, files=files)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The form has more than one file. Send one, named photo."
    assert served.delete("/api/detect").json()["detail"] == "This address takes POST. Got DELETE."
    answer = served.post(SEARCH, params={"garment": 99}, files={"photo": fakes.photo()})
    assert answer.json()["detail"].startswith("The photo has no garment 99. It has ")


def test_addresses_of_the_page_take_any_parameter(ask):
    for path in ("/", "/page.js", "/samples/a.jpg", "/livez", "/healthz", "/metrics"):
        assert ask(path, {"utm_source": "mail"}).status_code == 200


def test_a_wrong_method_and_a_wrong_address_are_told_before_parameters(ask, client):
    assert ask("/api/nothing", {"x": 1}).status_code == 404
    assert client().delete("/api/detect", params={"x": 1}).status_code == 405
