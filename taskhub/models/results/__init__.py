"""`TaskResult`, and the queries and writes of its table."""
