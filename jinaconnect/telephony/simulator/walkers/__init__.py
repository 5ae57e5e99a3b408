"""The carriers of voice as the sandbox plays them: one interpreter each of the documents they are answered with."""
