"""What numbers from several rounds say, and how surely. Pure: it reads no file and knows nothing of servers."""
