"""Where the load meets Locust: its options, events, web interface and CSV files."""
