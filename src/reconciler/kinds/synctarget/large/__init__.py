"""Files too large for git: they lie in a store of blobs, and git holds pointers to them."""
