"""Model fields that behave the same on every database."""
