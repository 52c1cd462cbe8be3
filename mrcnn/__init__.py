"""Instance segmentation with Mask R-CNN on Keras 3."""
