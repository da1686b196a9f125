"""The pages of periodic tasks beside the list and the form, one module each."""
