"""Japanese search as pure functions: folding, n-grams, queries and highlights."""
