"""A model of one's own, from labelled pairs of one's own recordings."""
