"""Settings of the process: made before TensorFlow, and never against what the environment says."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def answer(code, **environment):
    """What a fresh interpreter prints."""
    clean = {
        k: v
        for k, v in os.environ.items()
        if k != "TF_ENABLE_ONEDNN_OPTS" and not k.startswith("MALLOC_")
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


ONEDNN = (
    "import os, mrcnn.process as p; print(p.prefer_onednn(), "
    "os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
)


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN is for x86-64 here"
)
def test_onednn_is_on_unless_somebody_switched_it_off():
    assert answer(ONEDNN) == "True 1"
    assert answer(ONEDNN, TF_ENABLE_ONEDNN_OPTS="0") == "False 0"
    assert (
        answer("import sys; sys.modules['tensorflow'] = None\n" + ONEDNN) == "False None"
    )  # too late


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_memory_is_kept_unless_the_environment_sets_the_allocator():
    code = "import mrcnn.process as p; print(p.keep_large_blocks())"
    if answer("import platform; print(platform.libc_ver()[0])") == "glibc":
        assert answer(code) == "True"
    assert answer(code, MALLOC_ARENA_MAX="4") == "False"


def test_every_command_prefers_fast_kernels():
    """Also the scripts, which must set them before their own `import keras`."""
    script = (
        "import os, sys; sys.argv = ['train.py', '--weights', 'none', '--show-split']\n"
        "import builtins; "
        "real = builtins.__import__\n"
        "def watch(name, *a, **k):\n"
        "    if name == 'keras': print('oneDNN', "
        "os.environ.get('TF_ENABLE_ONEDNN_OPTS')); sys.exit()\n"
        "    return real(name, *a, **k)\n"
        "builtins.__import__ = watch\n"
        "import runpy; runpy.run_path('fashion/train.py', run_name='__main__')"
    )
    assert answer(script) == (
        "oneDNN 1" if platform.machine() in ("x86_64", "AMD64") else "oneDNN None"
    )
