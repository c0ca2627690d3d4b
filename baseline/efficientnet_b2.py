"""Times efficientnet_b2 called directly: ``python baseline/efficientnet_b2.py --batch-size 1 8 --csv out.csv``."""

import sys

from _baseline import main

if __name__ == "__main__":
    sys.exit(main("efficientnet_b2"))
