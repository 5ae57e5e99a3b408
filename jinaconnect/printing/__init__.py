"""Pages on paper: conversations set in type by a process of its own."""
