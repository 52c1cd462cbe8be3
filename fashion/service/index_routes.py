"""Routes that search an index of garments."""

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query, Request, Response

from fashion.pages.text import count
from fashion.retrieval.garment import MOST_MATCHES
from fashion.service import schemas
from fashion.service.catalogue import ANY, SAME
from fashion.service.photos import Photo
from fashion.service.refusals import Refusal
from fashion.service.responses import PROBLEMS, as_json, json_response
from fashion.service.running import Service
from fashion.service.served import ServedModel
from fashion.service.uploads import REQUEST_BODY
from mrcnn.typing import Array

# No index has more; a database takes no larger numbers.
GarmentId = Annotated[int, Path(ge=0, le=2**53, description="Id of a garment of the index.")]
Number = Annotated[int, Query(ge=1, description="Number of the garment in the answer of detect.")]
Count = Annotated[int, Query(ge=1, le=MOST_MATCHES, description="Garments that are wanted.")]
Category = Annotated[
    str,
    Query(max_length=200, description='Name of a category, "same" as the garment\'s, or "any".'),
]
Attributes = Annotated[
    list[str], Query(max_length=20, description="Attributes that garments must have.")
]


def add_index_routes(api: FastAPI, service: Service) -> None:
    """Adds the routes.

    Args:
        api: The application.
        service: Whose index is searched. Without one, the routes answer 404.
    """
    _add_search(api, service)

    @api.get("/api/similar/{garment_id}", responses={200: {"model": schemas.Similar}, **PROBLEMS})
    async def similar(
        garment_id: GarmentId,
        k: Count = 12,
        category: Category = SAME,
        attribute: Attributes = [],  # noqa: B006 (FastAPI copies it)
        same_image: bool = False,
    ) -> Response:
        """Finds garments of the index that are similar to one of them."""
        answer = await service.on_catalogue(
            lambda found: found.similar_to(garment_id, k, category, attribute, same_image)
        )
        return json_response(as_json(answer))

    @api.get("/api/trends", responses=PROBLEMS)
    async def trends(
        period: Literal["week", "month", "quarter", "year"] = "month",
        category: Category = ANY,
        seasonal: bool = False,
        shoots: bool = False,
    ) -> Response:
        """Describes how shares of categories, attributes and colors change over time."""
        options = {"period": period, "seasonal": seasonal, "shoots": shoots}
        answer = await service.on_catalogue(lambda found: found.trends(category, **options))
        return json_response(as_json(answer))

    @api.get(
        "/api/thumbnail/{garment_id}",
        responses={200: {"content": {"image/jpeg": {}}}, **PROBLEMS},
        response_class=Response,
    )
    async def thumbnail(garment_id: GarmentId) -> Response:
        """Returns a small picture of a garment of the index."""
        content = await service.on_catalogue(lambda catalogue: catalogue.thumbnail(garment_id))
        headers = {"Cache-Control": "private, max-age=3600"}
        return Response(content, media_type="image/jpeg", headers=headers)


def _add_search(api: FastAPI, service: Service) -> None:
    @api.post(
        "/api/search",
        openapi_extra=REQUEST_BODY,
        responses={200: {"model": schemas.Search}, **PROBLEMS},
    )
    async def search(
        request: Request,
        garment: Number,
        k: Count = 12,
        category: Category = SAME,
        attribute: Attributes = [],  # noqa: B006
    ) -> Response:
        """Finds garments of the index that are similar to one in a photo."""
        service.require_catalogue()

        def work(served: ServedModel, image: Array, photo: Photo) -> Any:
            result, vectors = served.predict(image)
            answer = served.answer(result, confidence=served.least, masks="none")
            garments = answer["garments"]
            if garment > len(garments) or vectors is None:
                text = (
                    f"The photo has no garment {garment}. It has "
                    f"{count(len(garments), 'garment')} with a confidence score of at least "
                    f"{served.least:g}; give the `number` of one in the answer of /api/detect."
                )
                raise Refusal(422, text)
            return answer["image"], garments[garment - 1], vectors[garment - 1]

        image, chosen, vector = await service.on_photo(request, work)
        wanted = chosen["category"] if category == SAME else category
        matches = await service.on_catalogue(
            lambda catalogue: catalogue.similar(vector, k, wanted, attribute)
        )
        return json_response(as_json({"image": image, "garment": chosen, "matches": matches}))
