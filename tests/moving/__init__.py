"""Organisations that move in and out."""
