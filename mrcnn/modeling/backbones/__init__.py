"""Backbones: from an image to feature maps C2..C5 at strides 4, 8, 16 and 32; one file a family."""
