"""Two articles to a comparison: sentences, alignment, spans, labels and renderers."""
