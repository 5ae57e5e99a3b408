"""SMS through MSG91."""
