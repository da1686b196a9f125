"""What differs between versions of Django and other libraries: the only place."""
