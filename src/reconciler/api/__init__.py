"""The operator over HTTP: what people, tools and monitors ask it."""
