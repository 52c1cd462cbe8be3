"""Pages: self-contained HTML files, figures in one style, overlays, and numbers as text."""
