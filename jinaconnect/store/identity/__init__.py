"""Who there is: organisations, people, keys and doors, found before a tenant is known."""
