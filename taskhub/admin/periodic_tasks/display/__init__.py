"""How a periodic task is shown in the list and on its page."""
