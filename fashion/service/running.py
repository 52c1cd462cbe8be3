"""Service: what a running service consists of, and what its routes ask it for."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request

from fashion.service.catalogue import Catalogue
from fashion.service.gate import RECORD
from fashion.service.keeping import Keeper
from fashion.service.metrics import Metrics
from fashion.service.photos import Photo, check_photo, decode_photo
from fashion.service.refusals import Refusal
from fashion.service.served import ServedModel
from fashion.service.settings import ServiceSettings
from fashion.service.uploads import read_upload
from fashion.service.worker import Worker
from mrcnn.typing import Array

STOP_SECONDS = 30
_CATALOGUE_WAITING = 64


class Service:
    """A service: its workers, its settings and its counts.

    Args:
        load: Loads and warms up the model.
        settings: What is allowed.
        open_catalogue: Opens the index of garments; None for none.
        samples: Makes the photos that the page offers, as JPEGs by name.
    """

    def __init__(
        self,
        load: Callable[[], ServedModel],
        settings: ServiceSettings,
        open_catalogue: Callable[[], Catalogue] | None = None,
        samples: Callable[[], Mapping[str, bytes]] = dict,
    ) -> None:
        self.settings, self.metrics = settings, Metrics()
        self.samples: Mapping[str, bytes] = {}
        self._make_samples = samples
        self.model = Worker("The model", lambda: self._loaded(load), settings.most_waiting)
        self.catalogue = None
        if open_catalogue is not None:
            self.catalogue = Worker("The index", open_catalogue, _CATALOGUE_WAITING)
        self.keeper = Keeper(settings.keep) if settings.keep else None
        self.about: dict[str, Any] = {}

    def _loaded(self, load: Callable[[], ServedModel]) -> ServedModel:
        self.samples = self._make_samples()
        served = load()
        self.about = served.about()
        return served

    @property
    def workers(self) -> list[Worker[Any]]:
        """The threads of the service."""
        return [worker for worker in (self.model, self.catalogue) if worker is not None]

    @property
    def is_ready(self) -> bool:
        """Whether all is loaded."""
        return all(worker.is_ready for worker in self.workers)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Starts the workers, and lets them finish.

        Args:
            app: Not used.

        Yields:
            Nothing, while the service runs.
        """
        for worker in self.workers:
            worker.start()
        yield
        for worker in self.workers:
            await asyncio.to_thread(worker.stop, STOP_SECONDS)

    async def on_photo(
        self, request: Request, work: Callable[[ServedModel, Array, Photo], Any]
    ) -> Any:
        """Reads the photo of a request, and lets the model work on it.

        Args:
            request: With a photo.
            work: Called in the worker with the model, the decoded photo, and the photo as it was
                sent.

        Returns:
            What `work` returns.

        Raises:
            ClientDisconnect: The client has gone. If the work had not begun, it is left out.
            Refusal: There is no photo, or the model is busy.
        """
        data = await read_upload(request)
        most, record = self.settings.most_pixels, request.scope[RECORD]
        photo, queued = check_photo(data, most), time.monotonic()

        def on_model(served: ServedModel) -> Any:
            began = time.monotonic()
            image = decode_photo(photo, most)
            done = work(served, image, photo)
            record.about["photo_hw"] = list(image.shape[:2])
            record.about["waited"] = round(began - queued, 4)
            garments = record.about.get("garments", 0)
            self.metrics.add_photo(began - queued, time.monotonic() - began, garments)
            return done

        return await _unless_gone(request, self.model.submit(on_model))

    async def on_catalogue(self, work: Callable[[Catalogue], Any]) -> Any:
        """Asks the index.

        Args:
            work: Called with it, in its worker.

        Returns:
            What `work` returns.

        Raises:
            Refusal: There is no index, or it is busy.
        """
        return await self.require_catalogue().submit(work)

    def require_catalogue(self) -> Worker[Catalogue]:
        """Returns the worker of the index.

        Returns:
            The worker.

        Raises:
            Refusal: There is no index.
        """
        if self.catalogue is None:
            raise Refusal(404, "This service has no index to search. Start it with --index.")
        return self.catalogue


async def _unless_gone(request: Request, future: "asyncio.Future[Any]") -> Any:
    """Waits for a result, but not longer than the client does."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    watch = asyncio.ensure_future(gone())
    try:
        await asyncio.wait({future, watch}, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            return future.result()
        raise ClientDisconnect
    finally:
        watch.cancel()
        future.cancel()
