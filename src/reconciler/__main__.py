"""Lets ``python -m reconciler`` do what ``reconciler`` does."""

from reconciler.cli.entry import main

if __name__ == "__main__":
    main()
