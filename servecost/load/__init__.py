"""The served arm's client: what plain Locust loads, and every worker of a distributed run."""
