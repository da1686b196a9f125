"""
Mutants: taskhub's promises, broken one at a time, each to be seen by a test.

`catalogue.py` lists them, `__main__.py` runs them. A mutant is one small change of the
code, and the tests that are expected to fail with it.
"""
