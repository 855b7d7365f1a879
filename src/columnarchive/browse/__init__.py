"""The Datasette plugin: pages for reading an archive."""
