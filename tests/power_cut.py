"""A power cut, for tests of what goes on where it was stopped."""


class PowerCut(BaseException):
    """What it looks like from inside: nothing that handles errors handles it."""
