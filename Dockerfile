# pixelwise on a CPU, not as root:
#   docker build -t pixelwise .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/photos" pixelwise predict photo.jpg --out masks
FROM python:3.12-slim

RUN useradd --create-home pixelwise
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir -c constraints.txt '.[video]' && rm -rf /build

USER pixelwise
WORKDIR /photos
ENTRYPOINT ["pixelwise"]
CMD ["--help"]
