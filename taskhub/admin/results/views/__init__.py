"""The pages of results beside the list and the form, one module each."""
