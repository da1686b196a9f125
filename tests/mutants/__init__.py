"""
Mutants: deliberate faults in taskhub, each of which a test must notice.

`catalogue.py` lists the mutants, and `__main__.py` runs them. A mutant is one small
change of the code, and the tests that must fail with this change.
"""
