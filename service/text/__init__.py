"""Text ground: one normal form with exact offsets, numbers by value, sentences and clauses."""
