"""Writers of data sets: one file a format."""

from fashion.datasets.writers.base import Writer
from fashion.datasets.writers.coco import CocoWriter, FashionpediaWriter
from fashion.datasets.writers.kaggle import Kaggle2019Writer, KaggleWriter
from fashion.datasets.writers.via import ViaWriter
from fashion.datasets.writers.yolo import YoloWriter

__all__ = ["WRITERS", "Writer"]

WRITERS: dict[str, Writer] = {
    writer.name: writer
    for writer in (
        KaggleWriter(),
        Kaggle2019Writer(),
        CocoWriter(),
        FashionpediaWriter(),
        YoloWriter(),
        ViaWriter(),
    )
}
