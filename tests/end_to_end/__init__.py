"""Real servers, the real Locust, a real browser."""
