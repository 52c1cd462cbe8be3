# `fashion serve` from an ONNX file of `fashion export`: on a CPU, without Keras and TensorFlow. See docs/deploy.md.
#
#   docker build --tag fashion-serve .
#   docker run --rm --publish 8000:8000 --read-only --tmpfs /tmp --volume "$PWD/exports:/models:ro" fashion-serve --weights /models/ccp.onnx

FROM python:3.12-slim AS build
WORKDIR /source
COPY LICENSE ./
COPY packaging packaging
COPY mrcnn mrcnn
COPY fashion fashion
RUN pip install --no-cache-dir "setuptools>=77" && python packaging/runtime/build.py --out /wheels

FROM python:3.12-slim
COPY --from=build /wheels /wheels
RUN wheel="$(ls /wheels/*.whl)" && pip install --no-cache-dir "${wheel}[serve]" && rm -r /wheels
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin fashion
USER 10001
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 FASHION_CACHE_DIR=/tmp
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
# `docker stop` sends SIGTERM: requests that have begun are answered.
ENTRYPOINT ["fashion", "serve", "--host", "0.0.0.0"]
CMD ["--weights", "/models/model.onnx"]
