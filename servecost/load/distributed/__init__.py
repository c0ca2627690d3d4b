"""The two ends of a run with many processes: the master directs it, its workers send the requests."""
