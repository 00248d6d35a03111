"""The operator over HTTP."""
