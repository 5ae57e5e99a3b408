"""HTTP voice carriers: what an account of each consists of, and their adapters."""
