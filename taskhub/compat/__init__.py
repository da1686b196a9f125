"""All code that depends on the version of Django or of another library."""
