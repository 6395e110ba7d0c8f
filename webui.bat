@echo off
rem Double-click, or webui.bat [flags]: reads webui-user.bat, finds a Python and starts launch.py with it.

cd /d "%~dp0"
if not defined WEBUI_USER_READ (
    set "WEBUI_USER_READ=1"
    set "WEBUI_ARGS=%*"
    if exist webui-user.bat (
        rem it ends by calling this file again
        call webui-user.bat
        exit /b
    )
)

if defined PYTHON set "PYTHON=%PYTHON:"=%"
if exist "%PYTHON%" set PYTHON="%PYTHON%"
if not defined PYTHON (
    where py >nul 2>nul && set "PYTHON=py -3" || set "PYTHON=python"
)
%PYTHON% launch.py %WEBUI_ARGS%
set "WEBUI_CODE=%ERRORLEVEL%"
if not "%WEBUI_CODE%"=="0" pause
exit /b %WEBUI_CODE%
