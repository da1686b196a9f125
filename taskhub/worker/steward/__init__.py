"""The steward: one process of a node that keeps leases alive and does its chores."""
