"""Which of two recordings is played better: the table of pairs, and the annotators who fill it."""
