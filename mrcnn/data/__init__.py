"""NumPy: from image files and annotations to padded arrays of fixed shape."""
