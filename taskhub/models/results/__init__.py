"""`TaskResult`, and the queries and writes that concern its table."""
