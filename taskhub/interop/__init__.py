"""What is taken over from other packages. None of them has to be installed."""
