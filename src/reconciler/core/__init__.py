"""The pure centre: no clock, no disk, no network, no randomness."""
