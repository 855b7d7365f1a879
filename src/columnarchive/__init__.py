"""An archive of clinic columns: captures as evidence, articles and revisions derived from them."""

__version__ = "0.1.0"
