"""What operators do to results."""
