ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
WORKDIR /lethe
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY ops/build ops/build
COPY ops/load ops/load
COPY src src
RUN npm run build

FROM ${BASE} AS dependencies
WORKDIR /lethe
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${BASE}
WORKDIR /lethe
ENV NODE_ENV=production LETHE_HOST=0.0.0.0
COPY LICENSE package.json ./
COPY --from=dependencies /lethe/node_modules node_modules
COPY --from=build /lethe/build/src build/src
USER node
EXPOSE 8080
# node itself, not npm: it has to get the signal that ends it.
ENTRYPOINT ["node", "build/src/cli/main.js"]
CMD ["serve"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["node", "build/src/cli/main.js", "healthcheck"]
