"""Export: a detector as a file for other runtimes, checked before it gets its name.

`export(detector, "model.onnx", config, images=photos)` writes ONNX. Other names write LiteRT or a
SavedModel.
"""

from mrcnn.export.check import ExportCheckFailed, ScoreCheck
from mrcnn.export.exporting import export, export_network

__all__ = ["ExportCheckFailed", "ScoreCheck", "export", "export_network"]
