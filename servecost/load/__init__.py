"""The client of the served arm: the user class that plain Locust loads, in one process or in many."""
