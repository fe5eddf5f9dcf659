# The recorder and the server in one image: one lake, two processes, no root.
# Build it from a checkout with `docker build -t forcedflow .`; nothing but the wheel goes into the image.

FROM node:24-slim AS page
WORKDIR /build/dashboard
COPY dashboard/package.json dashboard/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY dashboard/ ./
# It writes into the package: the page for the server, the widget for notebooks.
RUN npm run build

FROM python:3.13-slim AS wheel
WORKDIR /build
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY src/ src/
COPY --from=page /build/src/ src/
# What it stands on is what was tested: the lock, with the digest of every file.
RUN python -m pip install --no-cache-dir uv==0.13.9 \
 && uv export --quiet --locked --no-dev --no-emit-project \
      --extra report --extra server --extra alerts --extra lz4 --output-file /wheels/locked.txt \
 && uv build --quiet --wheel --out-dir /wheels

FROM python:3.13-slim
# Pango lays out printed pages; tzdata knows when clocks change.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 forcedflow \
 && install -d -o forcedflow -g forcedflow /lake /cache
COPY --from=wheel /wheels/ /wheels/
RUN python -m pip install --no-cache-dir --require-hashes --requirement /wheels/locked.txt \
 && python -m pip install --no-cache-dir --no-deps /wheels/*.whl \
 && rm -rf /wheels
ENV FORCEDFLOW_LAKE=/lake \
    NUMBA_CACHE_DIR=/cache \
    MPLCONFIGDIR=/cache/matplotlib \
    PYTHONUNBUFFERED=1
USER 10001
RUN forcedflow warmup
VOLUME ["/lake", "/cache"]
EXPOSE 8480
# The page at / holds nothing and asks for no token, so it says whether the server answers.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8480/', timeout=4)"]
ENTRYPOINT ["forcedflow"]
# Loopback of the container alone, which nobody outside reaches: another address needs a token.
CMD ["serve"]
