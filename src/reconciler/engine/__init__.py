"""The imperative shell: time, concurrency, memory."""
