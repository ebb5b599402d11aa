"""Data sets from elsewhere: what they are, and how they come here whole."""
