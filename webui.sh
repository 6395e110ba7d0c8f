#!/bin/sh
# Double-click, or ./webui.sh [flags]: reads webui-user.sh, finds a Python and starts launch.py with it.

cd "$(dirname "$0")" || exit 1
if [ -f webui-user.sh ]; then
    . ./webui-user.sh
fi
PYTHON=${PYTHON:-${python_cmd:-}}       # the second names are those of sd-webui's webui-user.sh
VENV_DIR=${VENV_DIR:-${venv_dir:-}}
export COMMANDLINE_ARGS VENV_DIR TORCH_INDEX_URL

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in python3 python python3.14 python3.13 python3.12 python3.11 \
        /opt/homebrew/bin/python3 /usr/local/bin/python3; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo python3 # launch.py says what is wrong with it
}

"${PYTHON:-$(find_python)}" launch.py "$@"
code=$?

# After a double-click the window would close on the error; a shell that it was typed into stays anyway.
case $(ps -o comm= -p "$PPID" 2>/dev/null) in
    *sh | "") ;;
    *)
        if [ $code -ne 0 ] && [ -t 0 ]; then
            echo "webui.sh ended with code $code. Press Enter to close. / 按回车键关闭。"
            read -r _
        fi
        ;;
esac
exit $code
