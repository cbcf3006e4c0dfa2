"""What to do where the packages of requirements.txt are not installed; this module needs none of them."""

import sys

from settings import ROOT


def how_to_install(package: str) -> str:
    """Return one sentence with the command that installs the packages, for the Python that lacks this one."""
    requirements = ROOT / "requirements.txt"
    if sys.prefix != sys.base_prefix:  # a virtual environment
        command = f'"{sys.executable}" -m pip install -r "{requirements}"'
    elif sys.platform == "win32":
        python = ROOT / ".venv" / "Scripts" / "python.exe"
        command = f'py -3 -m venv "{ROOT / ".venv"}"  and then  "{python}" -m pip install -r "{requirements}"'
    else:
        python = ROOT / ".venv" / "bin" / "python"
        command = f'python3 -m venv "{ROOT / ".venv"}" && "{python}" -m pip install -r "{requirements}"'
    return (
        f"This Python, {sys.executable}, has no package {package}; what Stockroom requires is installed by:  {command}"
    )


def is_ours(module: str) -> bool:
    """Return whether a module is one of the checkout's own, which no command could install."""
    name = module.partition(".")[0]
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()
