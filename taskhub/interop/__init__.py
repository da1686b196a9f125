"""The words and the data of other packages, none of which has to be installed."""
