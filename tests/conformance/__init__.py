"""What every system and every recipe has to fulfil."""
