"""`PeriodicTask`, and the columns that it shares between people and the beat."""
