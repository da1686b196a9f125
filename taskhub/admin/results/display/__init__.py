"""How a result is shown in the list and on its page."""
