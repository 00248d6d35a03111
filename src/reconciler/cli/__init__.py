"""The command line: a thin client of the operator, one file per verb."""
