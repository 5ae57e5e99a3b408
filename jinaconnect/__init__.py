"""JinaConnect gateway: a multi-tenant team inbox and telephony gateway on Tornado."""

__version__ = "0.1.0"
