"""What can be wrong with a data set, and the check that finds it."""
