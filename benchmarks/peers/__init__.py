"""The other side of each ratio: small programs that do only the thing compared, as well as it is usually done."""
