"""
Code that uses taskhub, for type checkers; `make lint` runs them.

This code never runs. A checker must report each ignored error: an ignore comment that
ignores no error is an error itself.
"""
