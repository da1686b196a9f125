"""The writer's thread in a worker process: it commits outcomes in groups."""
