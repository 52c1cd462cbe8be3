"""The application: routes of the API and of the page, from what the workers have loaded."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse

from fashion.service import schemas
from fashion.service.answers import Masks
from fashion.service.body_limit import BodyLimit
from fashion.service.gate import RECORD, Envelope, Gate, failure
from fashion.service.index_routes import add_index_routes
from fashion.service.page_files import page_files
from fashion.service.parameters import problem_of, refuse_unexpected
from fashion.service.photos import Photo
from fashion.service.refusals import App, Refusal
from fashion.service.responses import PROBLEMS, as_json, json_response, problem_response
from fashion.service.running import Service
from fashion.service.served import ServedModel
from fashion.service.uploads import REQUEST_BODY
from mrcnn import __version__
from mrcnn.typing import Array

Confidence = Annotated[float | None, Query(ge=0, le=1, description="Minimum score of a garment.")]
AttributeConfidence = Annotated[
    float | None, Query(ge=0, le=1, description="Minimum score of an attribute.")
]


def create_app(service: Service) -> App:
    """Makes the application of a service.

    Args:
        service: The service.

    Returns:
        An ASGI application. Its lifespan starts the workers.
    """
    settings = service.settings
    api = FastAPI(
        title=settings.title,
        description="Garments in photos: categories, masks and attributes; similar garments.",
        version=__version__,
        lifespan=service.lifespan,
        dependencies=[Depends(refuse_unexpected)],
        openapi_url=None,  # a route of ours has it, with the same checks as all others
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
    )
    _handle_errors(api)
    _add_detect(api, service)
    add_index_routes(api, service)
    _add_status(api, service)
    _add_page(api, service)
    app: App = Gate(BodyLimit(api, settings), settings)
    if settings.origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )
    return Envelope(app, settings, service.metrics)


def _handle_errors(api: FastAPI) -> None:
    @api.exception_handler(Refusal)
    async def refuse(request: Request, refusal: Refusal) -> Response:
        return problem_response(refusal.status, refusal.detail, refusal.headers)

    @api.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        refusal = failure(request.scope[RECORD])
        return problem_response(refusal.status, refusal.detail)

    @api.exception_handler(HTTPException)
    async def explain(request: Request, error: HTTPException) -> Response:
        allowed = (error.headers or {}).get("Allow", "another method")
        texts = {
            404: "There is no such address.",
            405: f"This address takes {allowed}. Got {request.method}.",
        }
        text = texts.get(error.status_code, str(error.detail))
        return problem_response(error.status_code, text, error.headers)

    @api.exception_handler(RequestValidationError)
    async def name_parameters(request: Request, error: RequestValidationError) -> Response:
        return problem_response(422, problem_of(request, error))


def _add_detect(api: FastAPI, service: Service) -> None:
    @api.post(
        "/api/detect",
        openapi_extra=REQUEST_BODY,
        responses={200: {"model": schemas.Detections}, **PROBLEMS},
    )
    async def detect(
        request: Request,
        masks: Masks = "rle",
        confidence: Confidence = None,
        attribute_confidence: AttributeConfidence = None,
    ) -> Response:
        """Finds garments in a photo, with masks and attributes."""
        least = service.about.get("min_score", 0)
        if confidence is not None and confidence < least:
            raise Refusal(
                422,
                f"confidence must be a number from {least:g} to 1, because {least:g} is the least "
                f"score that this model gives. Got {confidence:g}.",
            )
        record = request.scope[RECORD]

        def work(served: ServedModel, image: Array, photo: Photo) -> bytes:
            result, _ = served.predict(image)
            answer = served.answer(
                result,
                confidence=confidence,
                attribute_confidence=attribute_confidence,
                masks=masks,
            )
            record.about["garments"] = len(answer["garments"])
            content = as_json(answer)
            if service.keeper is not None:
                service.keeper.keep(record.id, photo, content)
            return content

        return json_response(await service.on_photo(request, work))


def _add_status(api: FastAPI, service: Service) -> None:
    @api.head("/livez", include_in_schema=False)
    @api.get("/livez", response_model=schemas.Health)
    async def live() -> dict[str, str]:
        """Answers as long as the process works."""
        return {"status": "alive"}

    @api.head("/healthz", include_in_schema=False)
    @api.get("/healthz", response_model=schemas.Health, responses={503: {"model": schemas.Health}})
    async def health() -> Response:
        """Answers 200 when photos are served, 503 while the model is being loaded."""
        if service.is_ready:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "loading"}, 503, headers={"Retry-After": "2"})

    @api.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counts and durations, for Prometheus."""
        text = service.metrics.text(
            {
                "fashion_ready": ("Whether photos are served.", float(service.is_ready)),
                "fashion_waiting_photos": ("Photos that wait.", float(service.model.waiting)),
            }
        )
        return Response(text, media_type="text/plain; version=0.0.4")

    @api.get("/api/openapi.json", include_in_schema=False)
    async def description() -> Response:
        return JSONResponse(api.openapi())

    @api.get("/api/model", responses=PROBLEMS)
    async def model() -> Response:
        """Describes the model, its labels, and what the service allows."""
        if not service.is_ready:
            raise Refusal(503, "The model is still being loaded. Try again.", 2)
        settings = service.settings
        about: dict[str, Any] = {
            **service.about,
            "title": settings.title,
            "version": __version__,
            "most_bytes": settings.most_bytes,
            "most_pixels": settings.most_pixels,
            "keeps_photos": settings.keep is not None,
            "samples": list(service.samples),
            "index": None,
        }
        if service.catalogue is not None:
            about["index"] = await service.on_catalogue(lambda catalogue: catalogue.about())
        return json_response(as_json(about))


def _add_page(api: FastAPI, service: Service) -> None:
    files = page_files()

    def respond(name: str, request: Request) -> Response:
        file = files.get(name)
        if file is None:
            raise Refusal(404, "There is no such file.")
        headers: Mapping[str, str] = {"ETag": file.etag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.kind, headers=headers)

    @api.head("/", include_in_schema=False)
    @api.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return respond("index.html", request)

    @api.get("/samples/{name}", include_in_schema=False)
    async def sample(name: str) -> Response:
        if name not in service.samples:
            raise Refusal(404, "There is no such photo.")
        return Response(service.samples[name], media_type="image/jpeg")

    @api.get("/{name}", include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        return respond(name, request)
