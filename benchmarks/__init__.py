"""Benchmarks: the speed of a network, against its arithmetic and against torchvision's."""
