"""Workbooks as rows of text."""
