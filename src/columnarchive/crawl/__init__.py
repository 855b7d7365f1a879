"""URL to capture: the HTTP client, robots, pace and discovery."""
