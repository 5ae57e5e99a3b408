"""SMS through Fast2SMS."""
