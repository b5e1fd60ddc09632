"""python -m fer_utils: the command line (see cli)."""

from fer_utils.cli import main

if __name__ == "__main__":
    main()
