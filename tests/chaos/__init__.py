"""
Fault tests: scenarios that inject faults into real processes.

Each module has scenarios of one kind. `python -m tests.chaos` runs them, and
`test_selection.py` runs some of them as tests. The measured results are in
docs/explanation/faults.md.
"""
