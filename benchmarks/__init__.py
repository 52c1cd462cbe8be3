"""Benchmarks: how fast a network is on this device, against its own arithmetic and against torchvision's."""
