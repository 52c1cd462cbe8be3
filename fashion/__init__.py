"""Clothes, their masks and their attributes: iMaterialist and Fashionpedia on top of `mrcnn`."""

from fashion.moved import MOVED_MODULES
from mrcnn.moved import register
from mrcnn.process import prefer_fast_kernels

# Before anything imports TensorFlow.
prefer_fast_kernels()
register(MOVED_MODULES)
