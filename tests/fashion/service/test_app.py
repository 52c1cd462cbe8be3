"""The API with a fake model: what it answers, and that it answers what the model predicts."""

import io
import json
import threading

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from fashion.evaluation.io.results import coco_results
from fashion.service import schemas
from mrcnn.data.image_io import read_image
from mrcnn.inference.pasting import full_masks


def send(client, data, path="/api/detect", **options):
    return client.post(path, files={"photo": ("p", data, "image/jpeg")}, **options)


def gradient(size=(90, 64), orientation=None):
    """A JPEG whose pixels differ, perhaps to be turned."""
    height, width = size
    pixels = np.mgrid[0:height, 0:width].sum(axis=0)[..., None] * [1, 2, 3] % 256
    image, content = Image.fromarray(pixels.astype(np.uint8)), io.BytesIO()
    exif = image.getexif()
    if orientation:
        exif[0x0112] = orientation
    image.save(content, "JPEG", exif=exif)
    return content.getvalue()


def as_coco(answer):
    keys = ("category_id", "bbox", "segmentation", "score")
    return [
        {key: garment[key] for key in keys}
        | {"attribute_ids": sorted(row["id"] for row in garment["attributes"])}
        for garment in answer["garments"]
    ]


@pytest.mark.parametrize("orientation", [None, 6])
def test_the_answer_is_what_the_model_predicts(client, tmp_path, orientation):
    served, data = client(), gradient(orientation=orientation)
    (tmp_path / "p.jpg").write_bytes(data)
    image = read_image(tmp_path / "p.jpg", upright=True)
    (result,) = served.service.fake.predict([image])
    expected = coco_results(result, 1, served.service.fake.ontology)
    answer = send(served, data, params={"confidence": 0.05}).json()
    assert answer["image"] == {"width": image.shape[1], "height": image.shape[0]}
    assert as_coco(answer) == [
        {key: value for key, value in row.items() if key != "image_id"} for row in expected
    ]
    assert [garment["number"] for garment in answer["garments"]] == [1, 2, 3]
    schemas.Detections.model_validate(answer)


def test_a_file_as_the_body_and_in_a_form_give_the_same(client, fakes):
    served, data = client(), fakes.photo()
    in_form = send(served, data).json()
    as_body = served.post("/api/detect", content=data, headers={"Content-Type": "image/jpeg"})
    assert as_body.json() == in_form and len(in_form["garments"]) == 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_three_kinds_of_photos_are_read(client, fakes, kind):
    answer = send(client(), fakes.photo((70, 50), kind=kind))
    assert answer.status_code == 200 and answer.json()["image"] == {"width": 70, "height": 50}


def test_polygons_and_grids_give_the_mask_of_the_run_lengths(client, fakes):
    served, data = client(), fakes.photo((60, 80))
    whole = full_masks(next(served.service.fake.stream([np.zeros((80, 60, 3), np.uint8)])))
    answers = {
        masks: send(served, data, params={"masks": masks}).json()["garments"]
        for masks in ("rle", "polygons", "grid", "none")
    }
    for i in range(2):
        counts = answers["rle"][i]["segmentation"]["counts"]
        decoded = coco_mask.decode({"size": [80, 60], "counts": counts.encode()})
        np.testing.assert_array_equal(decoded.astype(bool), whole[:, :, i])
        pieces = coco_mask.frPyObjects(answers["polygons"][i]["segmentation"], 80, 60)
        drawn = coco_mask.decode(coco_mask.merge(pieces)).astype(bool)
        assert (drawn & whole[:, :, i]).sum() / (drawn | whole[:, :, i]).sum() > 0.97
        assert answers["grid"][i]["grid"]["size"] == [28, 28]
        assert not {"segmentation", "grid"} & answers["none"][i].keys()


def test_thresholds_choose_garments_and_attributes(client, fakes):
    served, data = client(), fakes.photo(color=(0, 0, 0))

    def found(**params):
        garments = send(served, data, params=params).json()["garments"]
        return [(g["category_id"], [row["id"] for row in g["attributes"]]) for g in garments]

    assert found() == [(1, [3]), (5, [8])]
    assert found(confidence=0.7) == [(1, [3])]
    # A shoe carries no attributes, whatever their scores are.
    assert found(confidence=0.05, attribute_confidence=0.1) == [(1, [3, 8]), (5, [8, 3]), (9, [])]
    refused = send(served, data, params={"confidence": 0.01})
    assert refused.status_code == 422 and "0.05 is the least" in refused.json()["detail"]


def test_a_search_finds_garments_like_one_of_the_photo(client, fakes):
    served = client()
    params = {"garment": 1, "k": 2}
    answer = send(served, fakes.photo(), "/api/search", params=params).json()
    assert answer["garment"]["category"] == "dress"
    assert [(match["id"], match["similarity"]) for match in answer["matches"]] == [(0, 1), (4, 1)]
    assert {match["image"] for match in answer["matches"]} == {"photo-0.jpg", "photo-2.jpg"}
    schemas.Search.model_validate(answer)
    anything = send(served, fakes.photo(), "/api/search", params=params | {"category": "any"})
    assert len(anything.json()["matches"]) == 2
    refused = send(served, fakes.photo(), "/api/search", params={"garment": 4})
    assert refused.status_code == 422 and "It has 3 garments with" in refused.json()["detail"]
    unknown = send(served, fakes.photo(), "/api/search", params=params | {"category": "sock"})
    assert unknown.status_code == 422 and "sock" in unknown.json()["detail"]


def test_similar_garments_of_the_index_leave_out_the_same_photo(client):
    served = client()
    answer = served.get("/api/similar/4").json()
    assert [match["id"] for match in answer["matches"]] == [0, 3]
    assert "secret" not in json.dumps(answer)
    schemas.Similar.model_validate(answer)
    answer = served.get("/api/similar/4", params={"same_image": True, "category": "any", "k": 9})
    assert [match["id"] for match in answer.json()["matches"]] == [0, 1, 2, 3, 5]
    only = served.get("/api/similar/4", params={"attribute": ["red", "blue"]})
    assert only.status_code == 422 and "blue" in only.json()["detail"]
    assert served.get("/api/similar/99").status_code == 404
    for bad in ("x", "-1", "1.5", str(10**30)):
        assert served.get(f"/api/similar/{bad}").status_code == 422


def test_trends_are_those_of_the_index_and_are_computed_once(client, fakes, monkeypatch):
    from fashion.retrieval import trends

    asked = []

    def trends_of(garments, dates, **options):
        assert dates is None
        asked.append(options)
        if options["shoots"]:
            raise ValueError("secret/folder is one shoot")
        return {"images": len(list(garments))}

    monkeypatch.setattr(trends, "trends_of", trends_of)
    served = client()
    for _ in range(2):
        assert served.get("/api/trends", params={"category": "dress"}).json() == {"images": 6}
    expected = {"period": "month", "seasonal": False, "shoots": False, "category": "dress"}
    assert asked == [expected]
    refused = served.get("/api/trends", params={"shoots": True})
    assert refused.status_code == 422 and "secret" not in refused.text
    assert served.get("/api/trends", params={"category": "sock"}).status_code == 422
    assert served.get("/api/trends", params={"period": "day"}).status_code == 422


def test_trends_of_a_category_without_garments_name_those_that_there_are(
    client, fakes, monkeypatch
):
    monkeypatch.setattr(fakes.FakeIndex, "garments", lambda index: [])
    answer = client().get("/api/trends", params={"category": "dress"})
    assert answer.status_code == 422
    assert "no garment of the category 'dress'. It has no garments." in answer.json()["detail"]


def test_real_trends_are_json(client):
    answer = client().get("/api/trends")
    assert answer.status_code == 200 and "series" in answer.json() and "secret" not in answer.text


def test_trends_take_the_dates_that_the_service_was_given(client):
    served = client(index="dated")
    found = served.get("/api/trends").json()
    assert [row["trend"] for row in found["series"][:3]] == ["rise", "fall", "none"]
    undated = client(index="undated")
    assert undated.get("/api/trends").json()["images"] == 0
    assert undated.get("/api/trends").json()["undated"] == 468  # of 480; the others show nothing
    dates = {f"secret/{month}/{i}.jpg": f"{2000 + month}" for month in range(3) for i in range(20)}
    given = client(index="undated", dates=dates)
    by_year = given.get("/api/trends", params={"period": "year"}).json()
    assert [row["period"] for row in by_year["periods"]] == ["2000", "2001", "2002"]


def test_a_picture_of_a_garment_has_no_metadata(client, fakes):
    answer = client().get("/api/thumbnail/2")
    assert answer.headers["content-type"] == "image/jpeg" and b"secret" not in answer.content
    before = Image.open(io.BytesIO(fakes.FakeIndex().thumbnail(2)))
    after = Image.open(io.BytesIO(answer.content))
    assert not after.getexif()
    np.testing.assert_array_equal(np.asarray(before), np.asarray(after))


def test_without_an_index_the_routes_of_a_search_say_so(client, fakes):
    served = client(index=False)
    for answer in (
        served.get("/api/similar/1"),
        served.get("/api/thumbnail/1"),
        served.get("/api/trends"),
        send(served, fakes.photo(), "/api/search", params={"garment": 1}),
    ):
        assert answer.status_code == 404 and "--index" in answer.json()["detail"]
    assert served.get("/api/model").json()["index"] is None


def test_a_service_is_ready_only_when_its_model_is_loaded(client, fakes):
    loaded = threading.Event()
    served = client(ready=False, load=loaded.wait)
    assert served.get("/livez").status_code == 200
    for answer in (served.get("/healthz"), served.get("/api/model"), send(served, fakes.photo())):
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    loaded.set()
    while not served.service.is_ready:
        pass
    assert served.get("/healthz").json() == {"status": "ready"}
    assert served.head("/healthz").status_code == served.head("/").status_code == 200
    assert send(served, fakes.photo()).status_code == 200


def test_the_description_of_the_api_names_every_route_and_both_ways_to_send_a_photo(client):
    described = client().get("/api/openapi.json").json()
    assert {"/api/detect", "/api/search", "/api/similar/{garment_id}", "/api/trends"} <= set(
        described["paths"]
    )
    content = described["paths"]["/api/detect"]["post"]["requestBody"]["content"]
    assert {"multipart/form-data", "image/jpeg", "image/png", "image/webp"} == set(content)
    assert "segmentation" in described["components"]["schemas"]["Detection"]["properties"]


def test_metrics_count_requests_and_photos(client, fakes):
    served = client()
    send(served, fakes.photo())
    served.get("/api/similar/1")
    served.get("/nothing/here")
    lines = served.get("/metrics").text.splitlines()
    for line in (
        'fashion_requests_total{method="POST",route="/api/detect",status="200"} 1',
        'fashion_requests_total{method="GET",route="/api/similar/{id}",status="200"} 1',
        'fashion_requests_total{method="GET",route="other",status="404"} 1',
        'fashion_photo_seconds_bucket{le="+Inf"} 1',
        "fashion_photo_seconds_count 1",
        "fashion_garments_total 2",
        "fashion_ready 1",
        "# TYPE fashion_request_seconds histogram",
    ):
        assert line in lines
    for line in lines:
        assert line.startswith("#") or float(line.rpartition(" ")[2]) >= 0


def test_the_page_and_its_files_are_served_with_their_kinds(client):
    served = client()
    page = served.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    names = ("app.js", "page.js", "similar.js", "trends.js", "server_engine.js", "style.css")
    for name in names:
        file = served.get(f"/{name}")
        assert file.status_code == 200 and file.headers["x-content-type-options"] == "nosniff"
        again = served.get(f"/{name}", headers={"If-None-Match": file.headers["etag"]})
        assert again.status_code == 304
    assert served.get("/samples/a.jpg").headers["content-type"] == "image/jpeg"
    for name in ("worker.js", "../settings.py", "%2e%2e/settings.py", "astronaut.jpg", "x" * 999):
        assert served.get(f"/{name}").status_code == 404


def test_a_folder_keeps_photos_and_answers_if_asked_to(client, fakes, tmp_path):
    data = fakes.photo(kind="PNG")
    served = client(keep=tmp_path / "kept")
    answer = send(served, data, headers={"X-Request-ID": "mine"})
    kept = sorted((tmp_path / "kept").glob("*/*"))
    assert [path.suffix for path in kept] == [".json", ".png"]
    assert all(path.stem.endswith("-mine") for path in kept)
    assert kept[0].read_bytes() == answer.content and kept[1].read_bytes() == data
    assert served.get("/api/model").json()["keeps_photos"]


def test_one_thread_predicts(client, fakes):
    served = client()
    for _ in range(4):
        send(served, fakes.photo())
    assert len(served.service.fake.predictor.threads) == 1
