"""What learns from people's ratings, judged on recordings that it did not learn from."""
