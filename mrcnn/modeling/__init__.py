"""The network: backbone, neck, RPN and heads, and the `Detector` that joins them.

Shapes in docstrings: B images, A anchors, S sampled anchors, P proposals, R sampled RoIs,
D detections, M padded ground-truth objects, K classes with the background as class 0, N rows of any
kind, C channels. Boxes are yxyx, float32, in pixels of the network input.

A new backbone is a function like those of `backbones` and a line in `build.BACKBONES`; or, without
touching the library, a callable in `Config.BACKBONE`. A new neck is a layer like those of `necks`
and a line in `build.NECKS`. A new head is a `RoIHead`, passed to `build_detector(extra_heads=...)`;
its losses are what its `compute_losses` returns.
"""
