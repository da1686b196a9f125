"""
What type checkers say of code that uses taskhub: see `make lint`.

Nothing here is run. Each ignored error is one that a checker has to report: one that is
not reported any more is an error itself.
"""
