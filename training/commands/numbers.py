"""Numbers on the command line, refused before anything is done."""

import argparse


def at_least_one(text: str) -> int:
    """A whole number from 1 on."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 or more")
    return int(text)


def port(text: str) -> int:
    """A port to listen on, or 0."""
    if not (text.isdecimal() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is not 0..65535")
    return int(text)
