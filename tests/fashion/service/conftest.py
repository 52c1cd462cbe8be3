"""Services of a fake model: in this process, and in one of its own."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")
pytest.importorskip("python_multipart", reason="the extra [serve] is not installed")

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]


@pytest.fixture(scope="session")
def fakes():
    """The module fakes.py."""
    spec = importlib.util.spec_from_file_location("service_fakes", HERE / "fakes.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(fakes):
    """client(**settings) -> a test client of a service that is ready; `client.service` is that."""
    testclient = pytest.importorskip("fastapi.testclient", reason="needs httpx")
    from fashion.service.app import create_app

    with contextlib.ExitStack() as stack:

        def make(ready=True, **settings):
            service = fakes.fake_service(**settings)
            made = stack.enter_context(testclient.TestClient(create_app(service)))
            made.service = service
            while ready and not service.is_ready:
                time.sleep(0.001)
            return made

        yield make


@pytest.fixture(scope="session")
def serving():
    """serving(**arguments of fake_service) -> a context with (address, process) of a server."""
    httpx = pytest.importorskip("httpx")
    psutil = pytest.importorskip("psutil")

    @contextlib.contextmanager
    def serve(log=subprocess.DEVNULL, **values):
        arguments = [f"{name}={value!r}" for name, value in values.items()]
        process = subprocess.Popen(
            [sys.executable, str(HERE / "fakes.py"), *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            address = f"http://127.0.0.1:{int(process.stdout.readline())}"
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"{address}/healthz", timeout=30).status_code == 200:
                        break
            yield address, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()

    return serve
