"""Custom elements: each a folder with its Python side and its JavaScript side."""
