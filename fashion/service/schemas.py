"""Schemas: what answers hold, for the description of the API."""

from typing import Any

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """Why a request was not served."""

    detail: str


class Size(BaseModel):
    """Size of the upright photo in pixels."""

    width: int
    height: int


class Attribute(BaseModel):
    """An attribute of a garment."""

    id: int | None = Field(None, description="Id in the labels of the model.")
    name: str
    group: str | None = None
    score: float


class Detection(BaseModel):
    """A garment in the photo."""

    number: int = Field(description="From 1, best first, among all detections of the photo.")
    category_id: int
    category: str
    score: float
    bbox: list[float] = Field(description="x, y, width and height in pixels of the photo.")
    attributes: list[Attribute] = Field(description="Best first.")
    segmentation: Any = Field(
        None, description="COCO's compressed run lengths, or polygons [[x, y, …], …]."
    )
    grid: Any = Field(
        None,
        description="Probabilities of the mask, which fill the box: size [h, w], and data, base64 "
        "of little-endian float32, row by row. The mask is where they are at least 0.5.",
    )


class Detections(BaseModel):
    """Garments of a photo."""

    image: Size
    garments: list[Detection]


class IndexedGarment(BaseModel):
    """A garment of the index."""

    id: int
    image: str = Field(description="File name of its photo.")
    category: str
    score: float
    bbox: list[float] = Field(description="x, y, width and height in pixels of its photo.")
    attributes: list[Attribute]
    colors: list[str] = Field(description="#rrggbb, the largest share first.")
    date: str | None


class FoundGarment(IndexedGarment):
    """A garment that a search found."""

    similarity: float = Field(description="Cosine of the two vectors, -1 to 1.")


class Similar(BaseModel):
    """Garments that are similar to one of the index."""

    garment: IndexedGarment
    matches: list[FoundGarment] = Field(description="Most similar first.")


class Search(BaseModel):
    """Garments of the index that are similar to one of the photo."""

    image: Size
    garment: Detection
    matches: list[FoundGarment] = Field(description="Most similar first.")


class Health(BaseModel):
    """Whether the service is ready."""

    status: str
