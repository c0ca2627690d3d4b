"""``python -m servecost``: the same as the command ``servecost``."""

from servecost.cli import main

if __name__ == "__main__":
    main()
