"""What operators, and the beat, do to periodic tasks."""
