"""Pages: self-contained HTML, figures and overlays."""
