#!/bin/sh
# Your own settings; webui.sh reads them. Remove the # in front of a line to use it.

# Flags for every start (python launch.py --help lists them), for example "--port 7861 --theme dark"
#export COMMANDLINE_ARGS=""

# The Python to use, 3.11 or newer
#PYTHON="python3.12"

# Where the Python environment is kept (default: .venv beside launch.py)
#VENV_DIR="/path/to/venv"

# A mirror for torch, and one for everything else
#export TORCH_INDEX_URL="https://download.pytorch.org/whl/cu130"
#export PIP_INDEX_URL="https://pypi.org/simple"
