"""What events carry: one frozen model per type, by what it is about.

The catalogue names them; the description of the feed, its examples and the law that every event fits are made of them.
An event that is new gets its class here and its row in `core/events/catalogue.py`.
"""
