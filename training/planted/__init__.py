"""Flaws planted in pieces that no training heard, and what the judge tells of them."""
