"""HTTP voice carriers played on loopback: each its own requests, documents, webhooks and signatures."""
