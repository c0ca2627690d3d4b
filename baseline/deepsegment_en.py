"""Times deepsegment_en called directly: ``python baseline/deepsegment_en.py --batch-size 1 8 --csv out.csv``."""

import sys

from _baseline import main

if __name__ == "__main__":
    sys.exit(main("deepsegment_en"))
