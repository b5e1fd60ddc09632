"""Has pytest put this folder on the path, so that the tests below find random_weights."""
