# The gateway, and the sample app: docker run IMAGE, or docker run --entrypoint python IMAGE -m gateway.demo.notes
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE routes.toml ./
COPY gateway gateway
RUN python -m venv /opt/gateway && /opt/gateway/bin/pip install --no-cache-dir .

FROM python:3.11-slim-bookworm
COPY --from=build /opt/gateway /opt/gateway
RUN install --directory --owner=10001 --group=10001 --mode=0700 /data
ENV PATH=/opt/gateway/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/.gateway/healthz', timeout=2)"]
ENTRYPOINT ["gateway"]
CMD ["serve", "--config", "/etc/gateway/routes.toml"]
