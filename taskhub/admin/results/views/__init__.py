"""The pages of results other than the list and the form, a module for each."""
