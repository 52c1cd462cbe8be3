"""From files to padded arrays, in NumPy."""
