"""Arithmetic on arrays: `keras.ops` in, `keras.ops` out; no state, no Config, no files."""
