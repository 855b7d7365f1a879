"""Data and a server for the tests of the pages, and the tests that need a browser."""
