"""Names of types for signatures.

Shapes, axis order, dtype and unit of a tensor stand in the docstring of each argument.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

# A tensor of the backend (TensorFlow, JAX or PyTorch), or a Keras variable: `keras.ops` takes all.
Tensor: TypeAlias = Any
Array: TypeAlias = np.ndarray
# A file or a folder.
PathLike: TypeAlias = str | os.PathLike[str]
# The columns of one image or of one batch, by name.
Tensors: TypeAlias = Mapping[str, Tensor]
Arrays: TypeAlias = Mapping[str, Array]
# (height, width) in pixels or cells.
Size: TypeAlias = tuple[int, int]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def override(method: _Method) -> _Method:
    """Marks a method whose contract stands in the class above; `typing.override` needs Python 3.12.

    Args:
        method: The method.

    Returns:
        The same method.
    """
    return method
