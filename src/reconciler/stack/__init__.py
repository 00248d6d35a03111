"""Programs that run outside the operator; they use the standard library alone."""
