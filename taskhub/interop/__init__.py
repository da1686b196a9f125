"""Imports of data from other packages, none of which has to be installed."""
