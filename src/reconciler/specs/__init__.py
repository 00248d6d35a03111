"""The one way in: YAML to checked resources."""
