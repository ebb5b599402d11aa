"""The skill ladder: excerpts of expert playing, made worse by known amounts, rendered and kept in shards."""
