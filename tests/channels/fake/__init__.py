"""A channel that the program does not know: people by handle, forms signed over the address, no receipts."""
