"""The options of `@task`, `using()` and `apply_async()`: their checks and hints."""
