"""What serving a model costs, over calling it directly."""
