"""The load within Locust: its options, events, web interface and CSV files."""
