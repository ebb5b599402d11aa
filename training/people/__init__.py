"""Performances that people rated: their sound, their raters, and the map from scores to ratings."""
