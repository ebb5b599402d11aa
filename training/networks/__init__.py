"""What a network is: how a snippet becomes a score, attention and flaws. PDR and APR, ours and the original's."""
