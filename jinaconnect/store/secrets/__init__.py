"""What nobody may read: credentials sealed, passwords hashed."""
