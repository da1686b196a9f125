"""The pages of periodic tasks other than the list and the form, a module for each."""
