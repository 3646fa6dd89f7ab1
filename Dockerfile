ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
WORKDIR /lethe
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY ops/build ops/build
COPY ops/load ops/load
COPY src src
ARG SOURCE_COMMIT=
RUN npm run build && chmod 755 build/src/cli/main.js

FROM ${BASE} AS dependencies
WORKDIR /lethe
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${BASE}
# A test holds VERSION against package.json. The commit is the caller's to say: the build does not see the repository.
ARG VERSION=0.1.0
ARG SOURCE_COMMIT=
LABEL org.opencontainers.image.title="Lethe" \
      org.opencontainers.image.description="A message relay that forgets" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${SOURCE_COMMIT}"
WORKDIR /lethe
ENV NODE_ENV=production LETHE_HOST=0.0.0.0
RUN ln -s /lethe/build/src/cli/main.js /usr/local/bin/lethe
COPY LICENSE package.json ./
COPY --from=dependencies /lethe/node_modules node_modules
COPY --from=build /lethe/build/sbom.cdx.json sbom.cdx.json
COPY --from=build /lethe/build/src build/src
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=10s --start-period=20s --retries=3 CMD ["lethe", "healthcheck"]
# node itself, not npm: it has to get the signal that ends it. Half of the memory that the container may use is for the
# heap, the rest for buffers, code and stacks. SIGUSR1 would open the inspector.
ENTRYPOINT ["node", "--max-old-space-size-percentage=50", "--disable-sigusr1", "--no-addons", "/lethe/build/src/cli/main.js"]
CMD ["serve"]
