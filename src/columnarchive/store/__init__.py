"""The one place with SQL: migrations, captures, derived tables and the index."""
