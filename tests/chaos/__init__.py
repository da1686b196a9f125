"""
Faults, injected into real processes.

Each module is a family of faults and a script that anyone can run; short selections of
them are tests. What they found stands in docs/explanation/faults.md.
"""
