"""The supervisor: the parent process of a node. It forks the others and waits."""
