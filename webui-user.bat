@echo off
rem Your own settings; double-click this file or webui.bat to start.

rem The Python to use, 3.11 or newer
set PYTHON=

rem Where the Python environment is kept (default: .venv beside launch.py)
set VENV_DIR=

rem Flags for every start (python launch.py --help lists them), for example --port 7861 --theme dark
set COMMANDLINE_ARGS=

rem A mirror for torch, and one for everything else
rem set TORCH_INDEX_URL=https://download.pytorch.org/whl/cu130
rem set PIP_INDEX_URL=https://pypi.org/simple

set "WEBUI_USER_READ=1"
call webui.bat
