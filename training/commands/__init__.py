"""The steps of `pkai-train`, one module each."""
