"""Wire only: these modules know protocols and files, and no kind."""
