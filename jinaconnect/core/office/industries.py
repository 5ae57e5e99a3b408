"""What organisations do, as they say themselves."""

INDUSTRIES: dict[str, str] = {
    "ecommerce": "E-commerce", "healthcare": "Healthcare", "education": "Education", "finance": "Finance",
    "real_estate": "Real estate", "travel": "Travel", "food": "Food", "automotive": "Automotive",
    "logistics": "Logistics", "entertainment": "Entertainment", "technology": "Technology",
    "manufacturing": "Manufacturing", "consulting": "Consulting", "nonprofit": "Non-profit",
    "government": "Government", "insurance": "Insurance", "telecom": "Telecom", "agriculture": "Agriculture",
    "energy": "Energy", "fashion": "Fashion", "sports": "Sports", "beauty": "Beauty", "legal": "Legal",
    "hr": "Human resources", "marketing": "Marketing", "other": "Other",
}  # fmt: skip
"""Value and label of each, in the order people are shown them."""
